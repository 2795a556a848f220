# same_sums.sh SIMULATE OTHER: two builds of the simulator, with other options of the compiler, do the same.
set -eu
[ -x "$2" ] || { echo "there is no $2 to compare with"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" --seeds 1..20 --sums >"$folder/one"
"$2" --seeds 1..20 --sums >"$folder/other"
[ "$(wc -l <"$folder/one")" = 20 ]
cmp "$folder/one" "$folder/other"
