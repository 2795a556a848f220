#!/bin/sh
# pure.sh NM OBJECT...: fails if an object of the engine or the protocol needs a thread, a clock, chance, or anything outside of
# the process.
set -eu
nm=$1
shift
denied='pthread_|std::(thread|jthread|mutex|condition_variable|this_thread|random_device|chrono::.*::now|__atomic_futex)|_clock::now'
denied="$denied|(^| )(clock_gettime|gettimeofday|time|nanosleep|usleep|sleep|poll|ppoll|select|epoll_[a-z0-9]*|eventfd|timerfd_[a-z]*|timer_create"
denied="$denied|open|openat|read|write|close|socket|connect|send[a-z]*|recv[a-z]*|fopen|fork|exec[a-z]*|getpid|kill|getenv|s?rand|random|getrandom"
denied="$denied|uuid_[a-z_]*|mongoc_[a-z_]*|bson_context_[a-z_]*|bson_oid_init)(@|$)"

# needs OBJECT: the names that it does not define itself
needs() { "$nm" --undefined-only --demangle "$1" | sed 's/^ *[Uw] //'; }

# or else this test could not fail
for name in pthread_mutex_lock 'std::condition_variable::notify_one()' 'std::chrono::_V2::steady_clock::now()' clock_gettime poll \
  mongoc_init 'read@GLIBC_2.2.5'; do
  printf '%s\n' "$name" | grep -qE -- "$denied" || { echo "not found: $name"; exit 1; }
done
failed=0
some=0
for object; do
  some=$((some + $(needs "$object" | wc -l)))
  if needs "$object" | grep -E -- "$denied"; then
    echo "  is needed by $object"
    failed=1
  fi
done
[ "$some" -gt 20 ] || { echo "the objects need next to nothing: is that so?"; exit 1; }
exit $failed
