#include <bit>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/decode/attention.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {
namespace {

// Eighths from positions, exact in bf16, so that a mixed-up head, token or dimension shows.
float key_value(std::size_t head, std::size_t token, std::size_t d, bool value) {
  const std::size_t mixed =
      head * 131 + token * 29 + d * 7 + token * d % 11 + (value ? 5 : 0) + token / 64 * 3;
  return static_cast<float>(static_cast<int>(mixed % 17) - 8) / 8;
}
float query_value(std::size_t head, std::size_t d) {
  return static_cast<float>(static_cast<int>((head * 37 + d * 11 + d / 16) % 13) - 6) / 4;
}

}  // namespace

std::string verify_attention(Team& team, int members, const CacheShape& s) {
  AttentionPlan plan(s, static_cast<std::size_t>(members));
  const std::size_t stride = s.kv_heads * s.group * s.head_dim;
  std::vector<float> queries(s.sequences * stride), results(queries.size(), NAN);
  for (std::size_t i = 0; i < queries.size(); ++i)
    queries[i] = query_value(i / s.head_dim, i % s.head_dim);
  std::vector<Buffer> memory;
  for (std::size_t m = 0; m < static_cast<std::size_t>(members); ++m) {
    memory.emplace_back(plan.bytes(m) + 64);
    for (const Piece& p : plan.pieces(m)) {
      for (std::size_t t = 0; t < p.chunks * chunk; ++t) {
        auto* at = memory[m].as<std::uint16_t>((p.at + t / chunk) * s.chunk_bytes());
        for (std::size_t d = 0; d < s.head_dim; ++d) {
          const auto put = [&](std::size_t where, bool value) {
            const float v = key_value(p.head, p.first * chunk + t, d, value);
            at[where] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16);
          };
          put(key_at(t % chunk, d), false);
          put(value_at(s.head_dim, t % chunk, d), true);
        }
      }
    }
  }
  const auto all = [&](auto&& task) {
    team.run(members, [&](int m) { task(static_cast<std::size_t>(m)); });
  };
  all([&](std::size_t m) { plan.attend(m, memory[m].data(), queries.data(), stride); });
  all([&](std::size_t m) { plan.merge(m, results.data(), stride); });

  std::vector<double> score(s.context);
  for (std::size_t q = 0; q < s.heads() * s.group; ++q) {
    const std::size_t head = q / s.group;
    double largest = -INFINITY, sum = 0;
    for (std::size_t t = 0; t < s.context; ++t) {
      score[t] = 0;
      for (std::size_t d = 0; d < s.head_dim; ++d)
        score[t] += static_cast<double>(query_value(q, d)) *
                    static_cast<double>(key_value(head, t, d, false));
      score[t] /= std::sqrt(static_cast<double>(s.head_dim));
      largest = std::fmax(largest, score[t]);
    }
    for (double& x : score) sum += x = std::exp(x - largest);
    for (std::size_t d = 0; d < s.head_dim; ++d) {
      double want = 0;
      for (std::size_t t = 0; t < s.context; ++t)
        want += score[t] / sum * static_cast<double>(key_value(head, t, d, true));
      // Values are at most 1; queries and probabilities were rounded to 8 bits, the former times
      // scores of at most a few units.
      const double got = static_cast<double>(results[q * s.head_dim + d]);
      if (!(std::fabs(got - want) <= 0.02))
        return fmt::format(
            "attention of {} sequences, {} heads x {} queries of {}, context {}, {} threads: query "
            "{}, dimension {} is {}, not {}",
            s.sequences, s.kv_heads, s.group, s.head_dim, s.context, members, q, d, got, want);
    }
  }
  return {};
}

}  // namespace limen::kernels
