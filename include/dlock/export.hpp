#pragma once

/// @file
/// What the shared library exports. The other headers need it; programs do not.

/// Marks what libdlock.so exports. All else in the library is hidden.
#define DLOCK_API [[gnu::visibility("default")]]

/// Marks a member of an exported class that only the library itself uses.
#define DLOCK_LOCAL [[gnu::visibility("hidden")]]
