#pragma once

#include <optional>

#include "protocol/pipeline.hpp"

namespace dlock::protocol {

/// The express form, for locks that nobody else uses: taking a free lock, and releasing or renewing one that nobody
/// waits for (docs/adr/0026-express.md). The query itself says what must be so, and the update is one small stage. So
/// the command costs the server little more than any findAndModify. In these cases the outcome is the same as that of
/// the full command (pipeline.hpp). In any other case the query finds nothing, nothing is changed, and the short form
/// or the full command must follow.
[[nodiscard]] bool has_express_form(const request& r) noexcept;

/// The form in which `r` is sent: the one that it asks for, if there is one for its operation.
[[nodiscard]] form form_of(const request& r) noexcept;
/// What `r` is sent as if its form, which is not `whole`, was not enough.
[[nodiscard]] request in_next_form(request r);
/// Whether its answer may come before a majority has acknowledged it.
[[nodiscard]] bool may_be_early(const request& r) noexcept;

/// A try or enqueue must be the first command with its id, as in the short form.
[[nodiscard]] bson express_command(const request& r, const command_options& options);

/// Parses its answer. Total. No result: the query found nothing.
[[nodiscard]] std::optional<reply> parse_express_reply(const bson_t* server_reply, const request& r);

}  // namespace dlock::protocol
