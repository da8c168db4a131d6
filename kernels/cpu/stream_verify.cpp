#include <fmt/format.h>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/stream.hpp"

namespace limen::kernels {

const char* name(Stream kernel) {
  switch (kernel) {
    case Stream::read:
      return "read";
    case Stream::write:
      return "write";
    case Stream::copy:
      return "copy";
    case Stream::triad:
      return "triad";
  }
  return "";
}

model::Work stream_work(Stream kernel, std::size_t words) {
  const auto array = model::bytes(8.0 * static_cast<double>(words));
  const auto none = model::bytes(0.0);
  switch (kernel) {
    case Stream::read:
      return {array, none, {}};
    case Stream::write:
      return {none, array, {}};
    case Stream::copy:
      return {array, array, {}};
    case Stream::triad:
      return {2.0 * array, array, model::flops(2.0 * static_cast<double>(words))};
  }
  return {};
}

std::string verify_stream(Stream kernel, std::size_t words, Stores stores) {
  constexpr std::size_t guard = 16;  // words after the end that must stay as they are
  const Buffer memory((words + guard) * 8 * 3 + 3 * 64);
  const std::size_t array = ((words + guard) * 8 + 63) / 64 * 64;
  if (kernel == Stream::triad) {
    auto *a = memory.as<double>(), *b = memory.as<double>(array), *c = memory.as<double>(2 * array);
    for (std::size_t i = 0; i < words + guard; ++i) {
      a[i] = -1;
      b[i] = static_cast<double>(i % 13);
      c[i] = static_cast<double>(i % 7);
    }
    stream_triad(a, b, c, 3, words, stores);
    for (std::size_t i = 0; i < words + guard; ++i) {
      const double want = i < words ? static_cast<double>(i % 13 + 3 * (i % 7)) : -1;
      if (a[i] != want)
        return fmt::format("triad: a[{}] of {} is {}, not {}", i, words, a[i], want);
    }
    return {};
  }
  auto *to = memory.as<std::uint64_t>(), *from = memory.as<std::uint64_t>(array);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < words + guard; ++i) {
    to[i] = 1;
    from[i] = (i % 31) << (i % 47);
    if (i < words) sum += from[i];
  }
  if (kernel == Stream::read) {
    const auto got = stream_read(from, words);
    if (got != sum) return fmt::format("read: the sum of {} words is {}, not {}", words, got, sum);
    return {};
  }
  if (kernel == Stream::write) stream_write(to, words, 5, stores);
  if (kernel == Stream::copy) stream_copy(to, from, words, stores);
  for (std::size_t i = 0; i < words + guard; ++i) {
    const std::uint64_t want = i >= words ? 1 : kernel == Stream::write ? 5 : from[i];
    if (to[i] != want) {
      return fmt::format("{}: word {} of {} is {}, not {}", name(kernel), i, words, to[i], want);
    }
  }
  return {};
}

}  // namespace limen::kernels
