#!/bin/sh
# without_driver.sh PROGRAM READELF: fails if PROGRAM needs libmongoc, itself or through another library.
set -eu
needed=$("$2" -d "$1" | grep NEEDED)
resolved=$(ldd "$1")
# libbson must be seen, or these lists are not what they are taken for
for list in "$needed" "$resolved"; do
  case $list in
    *libmongoc*) echo "the protocol's tests need the driver:"; echo "$list"; exit 1 ;;
    *libbson*) ;;
    *) echo "libbson is not among the libraries:"; echo "$list"; exit 1 ;;
  esac
done
