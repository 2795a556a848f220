#pragma once

#include <string>

#include "contract/mutations.hpp"
#include "protocol/short_form.hpp"

/// Mutations of a pipeline: a piece of its JSON is replaced.
namespace dlock::testing {

/// A JSON value as libbson writes it.
std::string as_written(const std::string& value);
/// The command of `original`, in whose JSON `to` stands wherever `from` stood.
command_function with_text(const std::string& from, const std::string& to,
                           const command_function& original = protocol::command);
/// What the command of `original` is with every such piece replaced.
bson replaced(const bson_t* command, const std::string& from, const std::string& to);

/// Wherever the value `from` stands in the pipeline, `to` stands.
mutation pipeline(const char* name, const std::string& from, const std::string& to);
/// The key `from` (up to its colon) becomes `to`.
mutation pipeline_key(const char* name, const std::string& from, const std::string& to);
/// The pipeline is made for another request.
mutation pipeline_request(const char* name, std::function<void(protocol::request&)> change);

}  // namespace dlock::testing
