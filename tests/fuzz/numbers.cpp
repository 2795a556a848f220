// How libFuzzer changes an input that is BSON documents, one behind the other: as it likes, which mostly breaks their
// lengths, or one number, where a document edited by hand goes wrong.
#include <bson/bson.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "fuzz.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using use = std::function<void(bson_iter_t*)>;

void each_number(bson_iter_t* it, const use& with) {
  while (bson_iter_next(it)) {
    bson_iter_t sub;
    if (BSON_ITER_HOLDS_NUMBER(it) || BSON_ITER_HOLDS_DATE_TIME(it)) {
      with(it);
    } else if ((BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) && bson_iter_recurse(it, &sub)) {
      each_number(&sub, with);
    }
  }
}

/// In all documents that are whole. One byte may stand before the first.
void each_number(const std::uint8_t* data, std::size_t size, const use& with) {
  std::int32_t length = 0;
  if (size > sizeof length && data[size - 1] == 0) std::memcpy(&length, data, sizeof length);
  if (length < 5 || static_cast<std::size_t>(length) > size) ++data, --size;
  while (size >= sizeof length) {
    std::memcpy(&length, data, sizeof length);
    bson_t b;
    bson_iter_t it;
    if (length < 5 || static_cast<std::size_t>(length) > size ||
        !bson_init_static(&b, data, static_cast<std::size_t>(length)) || !bson_iter_init(&it, &b)) {
      return;
    }
    each_number(&it, with);
    data += length, size -= static_cast<std::size_t>(length);
  }
}

std::int64_t another(std::int64_t was, std::minstd_rand& random) {
  using limits = std::numeric_limits<std::int64_t>;
  constexpr std::int64_t kPower = std::int64_t{1} << 53;
  constexpr std::array<std::int64_t, 10> kEdges{limits::min(),
                                                limits::max(),
                                                -1,
                                                0,
                                                1,
                                                kPower,
                                                kPower / 2,
                                                -kPower / 2,
                                                std::numeric_limits<std::int32_t>::max(),
                                                std::numeric_limits<std::int32_t>::min()};
  const auto small = static_cast<std::uint64_t>(random() % 5) - 2;  // wraps, as what is added to it
  switch (random() % 4) {
    case 0:
      return kEdges[random() % kEdges.size()];
    case 1:
      return static_cast<std::int64_t>(static_cast<std::uint64_t>(kEdges[random() % kEdges.size()]) + small);
    case 2:
      return static_cast<std::int64_t>(static_cast<std::uint64_t>(was) + small * (random() % 2 == 0 ? 1 : 1000));
    default:
      return static_cast<std::int64_t>((std::uint64_t{random()} << (random() % 40)) ^ static_cast<std::uint64_t>(was));
  }
}

void change(bson_iter_t* it, std::minstd_rand& random) {
  switch (bson_iter_type(it)) {
    case BSON_TYPE_DOUBLE: {
      constexpr std::array<double, 6> kOdd{1e300,
                                           -1e300,
                                           0.5,
                                           9.3e18,
                                           std::numeric_limits<double>::quiet_NaN(),
                                           std::numeric_limits<double>::infinity()};
      bson_iter_overwrite_double(it, kOdd[random() % kOdd.size()]);
      return;
    }
    case BSON_TYPE_DATE_TIME:
      bson_iter_overwrite_date_time(it, another(bson_iter_date_time(it), random));
      return;
    case BSON_TYPE_INT32:
      bson_iter_overwrite_int32(it, static_cast<std::int32_t>(another(bson_iter_int32(it), random)));
      return;
    case BSON_TYPE_INT64:
      bson_iter_overwrite_int64(it, another(bson_iter_int64(it), random));
      return;
    default:
      return;
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  std::size_t numbers = 0;
  each_number(data, size, [&](bson_iter_t*) { ++numbers; });
  if (numbers == 0 || random() % 3 == 0) return LLVMFuzzerMutate(data, size, most);
  auto left = random() % numbers;
  each_number(data, size, [&](bson_iter_t* it) {
    if (left-- == 0) change(it, random);
  });
  return size;
}
