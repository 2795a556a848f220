# cmake -DOUT=page_files.cpp -DFOLDER=cli/page/bundle -P Embed.cmake: the files of the page as a C++ source, which any compiler takes.
set(types [[
.html text/html; charset=utf-8
.js text/javascript; charset=utf-8
.css text/css; charset=utf-8
.svg image/svg+xml
.txt text/plain; charset=utf-8
]])
set(arrays)
set(table)
set(number 0)
file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/*)
list(SORT files)
foreach(file IN LISTS files)
  get_filename_component(extension ${file} LAST_EXT)
  string(REGEX MATCH "\n?\\${extension} ([^\n]*)\n" found "${types}")
  if(NOT found)
    message(FATAL_ERROR "${file}: of what type is this?")
  endif()
  set(type ${CMAKE_MATCH_1})
  set(path /${file})
  if(file STREQUAL "index.html")
    set(path /)
  endif()
  file(READ ${FOLDER}/${file} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REPEAT "." 110 line)  # 22 bytes
  string(REGEX REPLACE "(${line})" "\\1\\n" bytes "${bytes}")
  string(APPEND arrays "constexpr unsigned char file_${number}[] = {\n${bytes}};\n")
  string(APPEND table "      {\"${path}\", \"${type}\", text_of(file_${number})},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "// Made by cmake/Embed.cmake.
#include \"page_files.hpp\"

namespace dlock::cli {

namespace {

${arrays}
template <std::size_t Size>
std::string_view text_of(const unsigned char (&bytes)[Size]) {
  return {reinterpret_cast<const char*>(bytes), Size};
}

}  // namespace

std::span<const page_file> page_files() {
  static const page_file files[] = {
${table}  };
  return files;
}

}  // namespace dlock::cli
")
