#pragma once

/// Everything of dlock: distributed locks on MongoDB.
#include <dlock/acquire.hpp>
#include <dlock/acquire_all.hpp>
#include <dlock/client.hpp>
#include <dlock/clock.hpp>
#include <dlock/election.hpp>
#include <dlock/error.hpp>
#include <dlock/events.hpp>
#include <dlock/inspect.hpp>
#include <dlock/lease.hpp>
#include <dlock/mutex.hpp>
#include <dlock/options.hpp>
#include <dlock/semaphore.hpp>
#include <dlock/shared_mutex.hpp>
#include <dlock/text.hpp>
#include <dlock/version.hpp>
