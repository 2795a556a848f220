# The driver: libmongoc 1.23 or newer, or 2.x, which has other names. Sets DLOCK_MONGOC and DLOCK_BSON, the targets to link, and
# DLOCK_MONGOC_PACKAGE, what find_package takes; DLOCK_MONGOC_PC, what pkg-config takes.
set(DLOCK_LIBMONGOC "" CACHE STRING "The driver's major version, 1 or 2; empty: 2 if it is installed")
set_property(CACHE DLOCK_LIBMONGOC PROPERTY STRINGS "" 1 2)

set(dlock_driver "${DLOCK_LIBMONGOC}")
if(dlock_driver STREQUAL "")
  # libbson tells, because it needs nothing else: if libmongoc's package lacks something, the message should be about that.
  find_package(bson 2 QUIET)
  set(dlock_driver 1)
  if(bson_FOUND)
    set(dlock_driver 2)
  endif()
endif()

if(dlock_driver STREQUAL "1")
  set(DLOCK_MONGOC_PACKAGE mongoc-1.0 1.23)
  set(DLOCK_MONGOC mongo::mongoc_shared)
  set(DLOCK_BSON mongo::bson_shared)
  set(DLOCK_MONGOC_PC libmongoc-1.0)
elseif(dlock_driver STREQUAL "2")
  set(DLOCK_MONGOC_PACKAGE mongoc 2)
  set(DLOCK_MONGOC mongoc::shared)
  set(DLOCK_BSON bson::shared)
  set(DLOCK_MONGOC_PC mongoc2)
else()
  message(FATAL_ERROR "DLOCK_LIBMONGOC is \"${DLOCK_LIBMONGOC}\": give 1 or 2, or leave it empty")
endif()
find_package(${DLOCK_MONGOC_PACKAGE} REQUIRED)  # with its libbson
list(JOIN DLOCK_MONGOC_PACKAGE " " DLOCK_MONGOC_PACKAGE)  # for dlockConfig.cmake
