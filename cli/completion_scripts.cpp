#include <array>
#include <utility>

#include "completion.hpp"

// The shells' part is small: which words there are, `dlock completion words` says. Its lines are a word, a tab and a
// description, or one of
//   :files       a file
//   :command N   what the shell itself makes of the words from N on; 1 is the word after "dlock"
namespace dlock::cli {

namespace {

constexpr std::string_view bash =
    R"~(# Completion of dlock for bash. Made by 'dlock completion bash'; needs the package bash-completion.
_dlock() {
  local cur prev words cword line
  _get_comp_words_by_ref -n =: cur prev words cword || return
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "${cur#--*=}")
        return
        ;;
      :command\ *)
        _command_offset "${line#:command }"
        return
        ;;
      *) COMPREPLY+=("$(printf %q "${line%%$'\t'*}")") ;;
    esac
  done < <("${words[0]}" completion words -- "${words[@]:1:cword}" 2>/dev/null)
  __ltrim_colon_completions "$cur"
  if [[ $cur == --*=* ]]; then COMPREPLY=("${COMPREPLY[@]#--*=}"); fi
}
complete -F _dlock dlock
)~";

constexpr std::string_view zsh = R"~(#compdef dlock
# Completion of dlock for zsh. Made by 'dlock completion zsh'.
_dlock() {
  local line word
  local -a found
  while IFS= read -r line; do
    case $line in
      :files)
        compset -P '--*='
        _files
        return
        ;;
      :command\ *)
        local -i at=${line#:command }
        shift at words
        (( CURRENT -= at ))
        _normal
        return
        ;;
      *)
        word=${line%%$'\t'*}
        found+=("${word//:/\\:}:${line#*$'\t'}")
        ;;
    esac
  done < <(${(Q)words[1]} completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#found )) && _describe -V dlock found
}
if [[ $funcstack[1] == _dlock ]]; then _dlock "$@"; else compdef _dlock dlock; fi
)~";

constexpr std::string_view fish = R"~(# Completion of dlock for fish. Made by 'dlock completion fish'.
function __dlock_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] completion words -- $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- $words[-1])
            case ':command *'
                set -l at (math (string sub -s 10 -- $line) + 1)
                complete -C (string join ' ' -- (string escape -- $words[$at..-1]))
            case '*'
                echo $line
        end
    end
end
complete -c dlock -f -a '(__dlock_complete)'
)~";

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> scripts{
    {{"bash", bash}, {"zsh", zsh}, {"fish", fish}}};

}  // namespace

std::string_view script_for(std::string_view shell) {
  for (const auto& [name, script] : scripts) {
    if (name == shell) return script;
  }
  return {};
}

std::vector<std::string_view> known_shells() {
  std::vector<std::string_view> out;
  for (const auto& [name, script] : scripts) out.push_back(name);
  return out;
}

}  // namespace dlock::cli
