#pragma once

/// Everything of dlock: distributed locks on MongoDB.
#include <dlock/client.hpp>
#include <dlock/clock.hpp>
#include <dlock/error.hpp>
#include <dlock/events.hpp>
#include <dlock/lease.hpp>
#include <dlock/mutex.hpp>
#include <dlock/options.hpp>
#include <dlock/version.hpp>
