# Debian packages, by cpack -G DEB: dlock, libdlock0.x, libdlock-dev. scripts/package_inside.sh has the options that a package is built with.
set(DLOCK_PACKAGE_VERSION ${PROJECT_VERSION} CACHE STRING "Version of the packages")
set(dlock_runtime_package libdlock${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME dlock)
set(CPACK_PACKAGE_VERSION ${DLOCK_PACKAGE_VERSION})
set(CPACK_PACKAGE_CONTACT "the dlock authors <dlock@users.noreply.github.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL command library development)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/src)

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME dlock)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_COMMAND_PACKAGE_DEPENDS "${dlock_runtime_package} (= ${DLOCK_PACKAGE_VERSION})")
set(CPACK_DEBIAN_COMMAND_DESCRIPTION "distributed locks on MongoDB, for scripts and cron jobs
dlock runs a command while it holds a lock that all hosts share. The locks are
in a collection of a MongoDB replica set. Waiters are served first come, first
served, a lease that is lost ends the command, and a fencing token tells the
guarded resource which holder is out of date.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${dlock_runtime_package})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "distributed locks on MongoDB, for C++ (shared library)
Mutexes, shared and exclusive locks, semaphores and elections for processes on
several hosts, on a MongoDB replica set.

This package has the shared library.")
# CPack's own shlibs would name the full version.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/packaging/shlibs @ONLY
  CONTENT "libdlock @PROJECT_VERSION_MAJOR@.@PROJECT_VERSION_MINOR@ @dlock_runtime_package@ (= @DLOCK_PACKAGE_VERSION@)\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/triggers ${CMAKE_BINARY_DIR}/packaging/shlibs)

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libdlock-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${dlock_runtime_package} (= ${DLOCK_PACKAGE_VERSION}), libmongoc-dev, uuid-dev")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "distributed locks on MongoDB, for C++ (development files)
Mutexes, shared and exclusive locks, semaphores and elections for processes on
several hosts, on a MongoDB replica set.

This package has the headers, the static library, and what CMake and
pkg-config read.")

# Each package has a copyright and a changelog; that of the library and the command also says what is compiled in.
string(TIMESTAMP DLOCK_PACKAGE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
string(TIMESTAMP DLOCK_SBOM_DATE "%Y-%m-%dT%H:%M:%SZ" UTC)
set(DLOCK_JSON_VERSION ${nlohmann_json_VERSION})
file(READ ${PROJECT_SOURCE_DIR}/cli/page/package.json page)
foreach(name IN ITEMS preact htm uplot)
  string(TOUPPER ${name} upper)
  string(JSON DLOCK_${upper}_VERSION GET "${page}" dependencies ${name})
endforeach()
file(STRINGS ${DLOCK_BOOST}/boost/version.hpp DLOCK_BOOST_VERSION REGEX "^#define BOOST_LIB_VERSION ")
string(REGEX REPLACE ".*\"(.*)\"" "\\1" DLOCK_BOOST_VERSION ${DLOCK_BOOST_VERSION})
string(REPLACE _ . DLOCK_BOOST_VERSION ${DLOCK_BOOST_VERSION})
foreach(component IN ITEMS command library development)
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(folder ${CMAKE_BINARY_DIR}/packaging/${package})
  set(DLOCK_PACKAGE_NAME ${package})
  configure_file(${PROJECT_SOURCE_DIR}/packaging/changelog.in ${folder}/changelog @ONLY)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/copyright ${folder}/copyright COPYONLY)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/sbom.spdx.json.in ${folder}/sbom.spdx.json @ONLY)
  execute_process(COMMAND gzip -9nf changelog WORKING_DIRECTORY ${folder} COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${folder}/changelog.gz ${folder}/copyright ${folder}/sbom.spdx.json DESTINATION share/doc/${package}
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

include(CPack)
