#include <algorithm>

#include <fmt/format.h>

#include "kernels/cuda/latent.hpp"
#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {
namespace {

constexpr double rounding = 1.0 / (1 << 24);
constexpr std::size_t row = latent_rank + latent_rope;

std::string verify_shape(const Device& d, const LatentAttention& a, unsigned shares, bool selected,
                         Random& random) {
  constexpr float scale = 0.03125f;
  constexpr std::uint16_t poison = 0xff3d;
  constexpr std::size_t guard = 16;
  std::vector<float> absorbed(a.slots() * latent_rank), rotated(a.slots() * latent_rope);
  for (auto* q : {&absorbed, &rotated})
    for (float& v : *q) v = random.fp32();
  std::vector<std::uint16_t> rows(a.sequences * a.kept * row);
  for (auto& v : rows) v = random.bf16();
  std::vector<U32> places;
  for (unsigned s = 0; s < a.sequences; ++s)
    for (unsigned t = 0; t < a.seen; ++t)
      places.push_back(selected ? t * (a.kept - 1) / std::max(1u, a.seen - 1) : t);
  const auto its_absorbed = upload(d, absorbed), its_rotated = upload(d, rotated);
  const auto its_rows = upload(d, rows);
  const auto its_places = upload(d, places);
  const auto partial = upload(d, std::vector<float>(latent_partial(a, shares), -12345.5f));
  const auto result =
      upload(d, std::vector<std::uint16_t>(a.slots() * latent_rank + guard, poison));
  latent_attention(d, a,
                   {its_absorbed.data(), its_rotated.data(), its_rows.data(),
                    selected ? its_places.data() : nullptr, partial.data(), result.data()},
                   shares, scale);
  const auto got = download(d, result.data(), result.size());
  const std::string which =
      fmt::format("latent attention, {} heads, {} sequences, {} of {} rows in {} shares", a.heads,
                  a.sequences, a.seen, a.kept, shares);
  for (std::size_t slot = 0; slot < a.slots(); ++slot) {
    const std::size_t sequence = slot % a.sequences;
    const auto at = [&](std::size_t t, std::size_t i) {
      return decode_bf16(rows[(sequence * a.kept + places[sequence * a.seen + t]) * row + i]);
    };
    std::vector<double> score(a.seen);
    double most = -1e300, error_of_score = 0, total = 0;
    for (std::size_t t = 0; t < a.seen; ++t) {
      double magnitude = 0;
      for (std::size_t i = 0; i < row; ++i) {
        const float q = i < latent_rank ? absorbed[slot * latent_rank + i]
                                        : rotated[slot * latent_rope + i - latent_rank];
        const double term = static_cast<double>(q) * at(t, i) * static_cast<double>(scale);
        score[t] += term;
        magnitude += std::abs(term);
      }
      most = std::max(most, score[t]);
      // 18 products a lane, 5 shuffles, the factor; then the difference to the maximum.
      error_of_score =
          std::max(error_of_score, rounding * (26 * magnitude + 4 * std::abs(score[t])));
    }
    for (double& s : score) total += s = std::exp(s - most);
    const double share =
        2 * (2 * error_of_score + 4.8e-7) + rounding * (4.0 * a.seen + 4.0 * shares + 16);
    for (std::size_t i = 0; i < latent_rank; ++i) {
      double sum = 0, magnitude = 0;
      for (std::size_t t = 0; t < a.seen; ++t) {
        const double term = score[t] / total * at(t, i);
        sum += term;
        magnitude += std::abs(term);
      }
      const double is = decode_bf16(got[slot * latent_rank + i]),
                   allowed = share * magnitude + std::abs(sum) / 256;  // the latter for bf16
      if (!(std::abs(is - sum) <= allowed))
        return fmt::format("{}: head {} of sequence {}, element {} is {:.7g}, not {:.7g} +- {:.1g}",
                           which, slot / a.sequences, sequence, i, is, sum, allowed);
    }
  }
  for (std::size_t i = a.slots() * latent_rank; i < got.size(); ++i)
    if (got[i] != poison) return which + ": wrote behind its result";
  return {};
}

}  // namespace

std::string verify_latent(const Device& d, unsigned heads, bool selected, std::uint64_t seed) {
  Random random(seed);
  for (const auto& [seen, shares] : {std::pair{1u, 1u}, {37u, 2u}, {75u, 1u}}) {
    const LatentAttention shape{seen == 37 ? 2u : 1u, heads, selected ? seen + 20 : seen, seen};
    if (auto wrong = verify_shape(d, shape, shares, selected, random); !wrong.empty()) return wrong;
  }
  return {};
}

}  // namespace limen::gpu
