# DLOCK_HAS_ASIO, DLOCK_HAS_BOOST_ASIO: whether tests and examples of <dlock/asio.hpp> can be built.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS "-std=c++20")
check_cxx_source_compiles("#include <asio/version.hpp>
  #if ASIO_VERSION < 102200
  #error too old
  #endif
  int main() {}" DLOCK_HAS_ASIO)
check_cxx_source_compiles("#include <boost/version.hpp>
  #include <boost/asio/version.hpp>
  #if BOOST_VERSION < 108100
  #error too old
  #endif
  int main() {}" DLOCK_HAS_BOOST_ASIO)
unset(CMAKE_REQUIRED_FLAGS)
