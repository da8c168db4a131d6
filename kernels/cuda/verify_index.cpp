#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "kernels/cuda/latent.hpp"
#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {
namespace {

// Small integers, so that scores are exact and some are equal.
std::vector<int> integers(std::size_t n, int most, Random& random) {
  std::vector<int> all(n);
  for (int& v : all) v = static_cast<int>(random.bits() % (2 * unsigned(most) + 1)) - most;
  return all;
}
std::vector<std::uint16_t> in_bf16(const std::vector<int>& from) {
  std::vector<std::uint16_t> to;
  for (const int v : from) to.push_back(exact_bf16(static_cast<float>(v)));
  return to;
}

std::string verify_shape(const Device& d, const Index& x, Random& random) {
  constexpr U32 poison = 0xfffffff5u;
  constexpr std::size_t guard = 16;
  const unsigned stride = x.heads + 3;
  const auto keys = integers(std::size_t{x.sequences} * x.context * index_dim, 2, random),
             queries = integers(std::size_t{x.sequences} * x.heads * index_dim, 3, random),
             weights = integers(std::size_t{x.sequences} * stride, 2, random);
  const auto its_keys = upload(d, in_bf16(keys)), its_queries = upload(d, in_bf16(queries));
  const auto its_weights = upload(d, std::vector<float>(weights.begin(), weights.end()));
  const auto scores = upload(d, std::vector<float>(std::size_t{x.sequences} * x.context, -1e30f));
  const std::size_t n = std::size_t{x.sequences} * x.selected();
  const auto selected = upload(d, std::vector<U32>(n + guard, poison));
  index(d, x,
        {its_keys.data(), its_queries.data(), its_weights.data(), stride, scores.data(),
         selected.data()});
  const auto got = download(d, selected.data(), selected.size());
  const auto which = fmt::format("index: {} of {} tokens by {} heads, {} sequences", x.top,
                                 x.context, x.heads, x.sequences);
  for (std::size_t s = 0; s < x.sequences; ++s) {
    std::vector<long> score(x.context);
    for (std::size_t t = 0; t < x.context; ++t)
      for (std::size_t h = 0; h < x.heads; ++h) {
        long product = 0;
        for (std::size_t i = 0; i < index_dim; ++i)
          product += queries[(s * x.heads + h) * index_dim + i] *
                     keys[(s * x.context + t) * index_dim + i];
        score[t] += weights[s * stride + h] * std::max(0L, product);
      }
    std::vector<U32> order(x.context);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](U32 a, U32 b) { return score[a] > score[b]; });
    order.resize(x.selected());
    std::sort(order.begin(), order.end());
    for (std::size_t i = 0; i < order.size(); ++i)
      if (got[s * x.selected() + i] != order[i])
        return fmt::format("{}: entry {} of sequence {} is token {}, not {}", which, i, s,
                           got[s * x.selected() + i], order[i]);
  }
  for (std::size_t i = n; i < got.size(); ++i)
    if (got[i] != poison) return which + ": wrote behind its result";
  return {};
}

}  // namespace

std::string verify_index(const Device& d, std::uint64_t seed) {
  Random random(seed);
  // Few heads: scores near zero, many of them equal. More heads, and tokens, than a block has.
  for (const Index& shape : {Index{1, 1, 1, 5}, Index{2, 1, 70, 33}, Index{1, 5, 40, 40},
                             Index{2, 35, 130, 17}, Index{1, 3, 1500, 700}})
    if (auto wrong = verify_shape(d, shape, random); !wrong.empty()) return wrong;
  return {};
}

}  // namespace limen::gpu
