#include "watch_options.hpp"

#include <cstdint>
#include <utility>

#include "arguments.hpp"
#include "lock_id.hpp"

namespace dlock::cli {

namespace {

std::vector<option> option_table(watch_options& out, connection_arguments& connection) {
  std::vector<option> table = connection.table();
  table.insert(table.begin(),
               {0, "json", "", "", "print one JSON object a line", [&](const std::string&) { out.json = true; }});
  table.push_back({'h', "help", "", "", "print this help and exit", [&](const std::string&) { out.help = true; }});
  return table;
}

}  // namespace

watch_options parse_watch(const std::vector<std::string>& arguments) {
  watch_options out;
  connection_arguments connection(out);
  operands operands = parse_arguments("watch", option_table(out, connection), arguments, SIZE_MAX);
  if (out.help) return out;
  for (std::string& id : operands.leading) {
    check_id(id);
    out.ids.insert(std::move(id));
  }
  connection.finish();
  return out;
}

std::string watch_help() {
  watch_options out;
  connection_arguments connection(out);
  return "Usage: dlock watch [OPTIONS] [ID...]\n"
         "\n"
         "Prints an event whenever one of the locks ID, or any lock, is locked or unlocked.\n"
         "\n" +
         describe(option_table(out, connection)) + "\n" + std::string(help_on_servers) +
         "\n"
         "A 'gap' means that events may have been missed. A lease that expires causes no event.\n"
         "\n"
         "Exit status: 0 when nobody reads the output any more; 125 if dlock itself failed. A signal ends dlock as if\n"
         "dlock did not catch it: a shell says 130 after Ctrl-C.\n";
}

}  // namespace dlock::cli
