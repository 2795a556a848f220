#!/bin/sh
# one_clock.sh SRC: fails if anything under SRC, but for the files below, asks a clock, waits by one, or makes an identity or a
# random number by itself rather than by the environment that its client was given (docs/adr/0020-one-clock.md). An exception that
# is not needed any more fails, too.
set -eu
cd "$1"
failed=0

asks='clock(_t)?::now\(|clock_gettime|gettimeofday|(^|[^_[:alnum:]])time\((NULL|nullptr|0|&)|timerfd_create|timer_create'
makes='fresh_uuid\(|uuid_generate|random_device|minstd_rand|mt19937|random_engine|getrandom|(^|[^_[:alnum:]])s?rand\('
waits='[.>:](wait|sleep)_(for|until)\(|(^|[^_[:alnum:]])u?sleep\([0-9]|nanosleep'
real='real_environment'

# allow PATTERN FILE...: where else in SRC it is.
allow() {
  pattern=$1
  shift
  found=$(grep -rlE -- "$pattern" . | sed 's|^\./||' | sort)
  for file in $found; do
    case " $* " in
      *" $file "*) ;;
      *) failed=1; grep -nHE -- "$pattern" "$file" ;;
    esac
  done
  for file; do
    echo "$found" | grep -qxF -- "$file" || { failed=1; echo "$file: needs no exception for: $pattern"; }
  done
}

# finds PATTERN LINE, or else this test could not fail.
finds() {
  printf '%s\n' "$2" | grep -qE -- "$1" || { failed=1; echo "not found: $2"; }
}
for line in 'boot_clock::now();' 'std::chrono::system_clock::now()' 'using clock = boot_clock; clock::now()' \
  'clock_gettime(CLOCK_BOOTTIME, &t);' 'std::time(nullptr)' 'timerfd_create(CLOCK_BOOTTIME, 0)'; do
  finds "$asks" "$line"
done
for line in 'id = fresh_uuid();' 'std::random_device{}()' 'static std::mt19937 generator;' 'std::rand() % 2'; do
  finds "$makes" "$line"
done
for line in 'changed.wait_for(lock, 1s)' 'changed->wait_until(lock, then)' 'std::this_thread::sleep_for(pause);' 'sleep(1);'; do
  finds "$waits" "$line"
done

# The store waits for the driver, whose clocks are its own, and the doctor for the store. A pool counts for how long a thread was not needed. clock_watch hears that the wall clock is set, whatever it says.
allow "$asks" doctor/canary.cpp store/examiner.cpp store/members.cpp store/mongo_store.cpp util/clock.cpp util/clock_watch.cpp util/environment.cpp util/thread.cpp util/worker_pool.cpp
allow "$makes" util/environment.cpp util/identity.cpp util/identity.hpp
# For the ends of threads, and for the driver: these take real time whatever a client's clock says.
allow "$waits" client/client.cpp doctor/canary.cpp doctor/examine.cpp runtime/monitor.cpp runtime/user_calls.cpp \
  store/members.cpp store/mongo_store.cpp util/environment.cpp util/logger.cpp util/thread.cpp util/worker_pool.cpp
allow "$real" client/client.cpp util/environment.cpp util/environment.hpp
exit $failed
