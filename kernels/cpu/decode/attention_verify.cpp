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

// The cache of made-up numbers, by member as a plan has its pieces; rows of a latent one.
struct MadeCache {
  std::vector<Buffer> memory{};
  LatentRows rows{};
  std::vector<std::uint32_t> selected{};
};

std::uint16_t bits_of(float v) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16);
}

MadeCache make_chunks(const AttentionPlan& plan, int members) {
  const CacheShape& s = plan.shape();
  MadeCache made;
  for (std::size_t m = 0; m < static_cast<std::size_t>(members); ++m) {
    made.memory.emplace_back(plan.bytes(m) + 64);
    for (const Piece& p : plan.pieces(m)) {
      for (std::size_t t = 0; t < p.chunks * chunk; ++t) {
        auto* at = made.memory[m].as<std::uint16_t>((p.at + t / chunk) * s.chunk_bytes());
        for (std::size_t d = 0; d < s.head_dim; ++d) {
          const std::size_t token = p.first * chunk + t;
          at[key_at(t % chunk, d)] = bits_of(key_value(p.head, token, d, false));
          at[value_at(s.head_dim, t % chunk, d)] = bits_of(key_value(p.head, token, d, true));
        }
      }
    }
  }
  return made;
}

// Of the tokens that are kept, attention is to pass over every other one of the first.
std::uint32_t kept_token(std::size_t token, std::size_t skipped) {
  return static_cast<std::uint32_t>(token < skipped ? 2 * token + 1 : token + skipped);
}

MadeCache make_rows(const CacheShape& s, std::size_t skipped) {
  MadeCache made;
  const std::size_t kept = s.context + skipped;
  made.rows.chunks_each = (kept + chunk - 1) / chunk;
  made.memory.emplace_back(s.sequences * made.rows.chunks_each * s.chunk_bytes());
  for (std::size_t i = 0; i < s.sequences * made.rows.chunks_each; ++i) {
    auto* at = made.memory[0].as<std::uint16_t>(i * s.chunk_bytes());
    made.rows.chunks.push_back(at);
    for (std::size_t t = 0; t < chunk; ++t)
      for (std::size_t d = 0; d < s.key_dim(); ++d)
        at[t * s.key_dim() + d] = bits_of(
            key_value(i / made.rows.chunks_each, i % made.rows.chunks_each * chunk + t, d, false));
  }
  for (std::size_t t = 0; t < s.context; ++t) made.selected.push_back(kept_token(t, skipped));
  if (skipped > 0) made.rows.selected.assign(s.sequences, made.selected.data());
  return made;
}

}  // namespace

std::string verify_attention(Team& team, int members, const CacheShape& s, std::size_t skipped) {
  AttentionPlan plan(s, static_cast<std::size_t>(members));
  const std::size_t stride = s.kv_heads * s.group * s.key_dim(),
                    out_stride = s.kv_heads * s.group * s.head_dim;
  std::vector<float> queries(s.sequences * stride), results(s.sequences * out_stride, NAN);
  for (std::size_t i = 0; i < queries.size(); ++i)
    queries[i] = query_value(i / s.key_dim(), i % s.key_dim());
  const MadeCache made = s.latent() ? make_rows(s, skipped) : make_chunks(plan, members);
  const auto all = [&](auto&& task) {
    team.run(members, [&](int m) { task(static_cast<std::size_t>(m)); });
  };
  all([&](std::size_t m) {
    if (s.latent()) {
      plan.attend(m, made.rows, queries.data(), stride);
    } else {
      plan.attend(m, made.memory[m].data(), queries.data(), stride);
    }
  });
  all([&](std::size_t m) { plan.merge(m, results.data(), out_stride); });

  std::vector<double> score(s.context);
  for (std::size_t q = 0; q < s.heads() * s.group; ++q) {
    const std::size_t head = q / s.group;
    const auto cached = [&](std::size_t t, std::size_t d, bool value) {
      return static_cast<double>(s.latent() ? key_value(head, kept_token(t, skipped), d, false)
                                            : key_value(head, t, d, value));
    };
    double largest = -INFINITY, sum = 0;
    for (std::size_t t = 0; t < s.context; ++t) {
      score[t] = 0;
      for (std::size_t d = 0; d < s.key_dim(); ++d)
        score[t] += static_cast<double>(query_value(q, d)) * cached(t, d, false);
      score[t] /= std::sqrt(static_cast<double>(s.latent() ? s.width : s.head_dim));
      largest = std::fmax(largest, score[t]);
    }
    for (double& x : score) sum += x = std::exp(x - largest);
    for (std::size_t d = 0; d < s.head_dim; ++d) {
      double want = 0;
      for (std::size_t t = 0; t < s.context; ++t) want += score[t] / sum * cached(t, d, true);
      // Values are at most 1; queries and probabilities were rounded to 8 bits, the former times
      // scores of at most a few units.
      const double got = static_cast<double>(results[q * s.head_dim + d]);
      if (!(std::fabs(got - want) <= 0.02))
        return fmt::format(
            "attention of {} sequences, {} heads x {} queries of {}, context {}, {} threads: query "
            "{}, dimension {} is {}, not {}",
            s.sequences, s.kv_heads, s.group, s.key_dim(), s.context, members, q, d, got, want);
    }
  }
  return {};
}

}  // namespace limen::kernels
