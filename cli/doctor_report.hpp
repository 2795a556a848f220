#pragma once

#include <string>

#include <dlock/doctor.hpp>

// What dlock doctor prints. docs/doctor.md describes it.

namespace dlock::cli {

/// The worst of them.
[[nodiscard]] dlock::severity worst_of(const dlock::examination& seen);

/// A line for each diagnosis, and one that counts them.
[[nodiscard]] std::string doctor_text(const dlock::examination& seen);

/// One JSON object in ASCII, with the newline.
[[nodiscard]] std::string doctor_json(const dlock::examination& seen);

}  // namespace dlock::cli
