#pragma once

#include <span>
#include <string_view>

namespace dlock::cli {

/// A file of the page that `dlock serve` shows: cli/page/bundle, inside the program.
struct page_file {
  std::string_view path;  ///< "/page.js"
  std::string_view type;  ///< For the header Content-Type.
  std::string_view text;
};

[[nodiscard]] std::span<const page_file> page_files();

}  // namespace dlock::cli
