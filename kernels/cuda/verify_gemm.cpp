// Products of several tokens: every element against double, guards behind the results, and the same
// bits once more.
#include <array>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {
namespace {

constexpr unsigned guard = 8;
constexpr float poison = -12345.5f;

// What tensor cores may lose. NVIDIA says no more than that they add "with at least single
// precision"; tests of them (Fasi, Higham, Mikaitis, Pranesh 2021) found products exact, and the
// digits of all terms of a sum cut off below 2^-23 of the largest. So a step of 16 columns loses at
// most 18 cut terms (its products, its sum and the accumulator, each at most `magnitude`); 32 lie
// between two scales, which are a rounding more; and some sums of parts. Multiply-adds one after
// another in fp32 lose less.
double tolerance(const Matrix& m, double magnitude) {
  const double steps = 8 * std::ceil(m.cols / 256.0), scales = steps / 2, parts = m.cols / 256 + 3;
  return std::ldexp((18 * steps + scales + parts) * magnitude, -23);
}

struct Case {
  Matrix matrix;
  unsigned tokens, usual;              // rows of x; what the kernel is chosen for
  std::vector<U32> first{}, active{};  // [expert + 1], the active ones; or one matrix
  std::vector<U32> source{};

  unsigned experts() const { return first.empty() ? 1 : static_cast<unsigned>(first.size()) - 1; }
  unsigned slots() const { return first.empty() ? tokens : first.back(); }
  unsigned x_words() const { return ceiling(matrix.cols, 32) * 4; }
  std::string name() const {
    return fmt::format("gemm {} {} x {}, {} tokens{}", gpu::name(matrix.format), matrix.rows,
                       matrix.cols, tokens, first.empty() ? "" : ", experts");
  }
};

// A row of x is followed by what is no number.
std::vector<Words> random_x(const Case& c, Random& random) {
  std::vector<Words> x(std::size_t{c.tokens} * c.x_words(), Words{{~0u, ~0u, ~0u, ~0u}});
  for (unsigned t = 0; t < c.tokens; ++t) {
    auto* row = reinterpret_cast<std::uint8_t*>(x.data() + std::size_t{t} * c.x_words());
    for (unsigned col = 0; col < c.matrix.cols; ++col) {
      const std::uint16_t v = random.bf16();
      std::memcpy(row + std::size_t{col} * 2, &v, 2);
    }
  }
  return x;
}

std::string wrong_rows(const Case& c, const std::vector<MatrixData>& experts,
                       const std::vector<Words>& x, const std::vector<float>& got) {
  for (unsigned e = 0; e < c.experts(); ++e) {
    const unsigned begin = c.first.empty() ? 0 : c.first[e],
                   end = c.first.empty() ? c.tokens : c.first[e + 1];
    MatrixData data = experts[e];
    for (unsigned slot = begin; slot < end; ++slot) {
      const unsigned token = c.source.empty() ? slot : c.source[slot];
      std::memcpy(data.x.data(), x.data() + std::size_t{token} * c.x_words(), 2 * c.matrix.cols);
      for (unsigned row = 0; row < c.matrix.rows; ++row) {
        const Reference want = gemv_reference(c.matrix, data, row);
        const float y = got[std::size_t{slot} * c.matrix.rows + row];
        const double most = tolerance(c.matrix, want.magnitude);
        if (!(std::abs(static_cast<double>(y) - want.value) <= most))
          return fmt::format("{}: row {} of slot {} is {:.9g}, not {:.9g} +- {:.1g}", c.name(), row,
                             slot, y, want.value, most);
      }
    }
  }
  return {};
}

std::string verify_case(const Device& d, const Multiplier& multiply, const Case& c,
                        Random& random) {
  const Matrix& m = c.matrix;
  std::vector<MatrixData> experts;
  std::vector<Words> words;
  std::vector<std::uint16_t> all_scales;
  for (unsigned e = 0; e < c.experts(); ++e) {
    experts.push_back(random_matrix(m, random.bits()));
    words.insert(words.end(), experts[e].weights.begin(), experts[e].weights.end());
    all_scales.insert(all_scales.end(), experts[e].scales.begin(), experts[e].scales.end());
  }
  const auto host_x = random_x(c, random);
  const std::size_t results = std::size_t{c.slots()} * m.rows;
  const auto weights = upload(d, words);
  const auto scales = upload(d, all_scales);
  const auto x = upload(d, host_x);
  std::vector<U32> list{static_cast<U32>(c.active.size())};
  list.insert(list.end(), c.active.begin(), c.active.end());
  const auto active = upload(d, list), first = upload(d, c.first), source = upload(d, c.source);
  Gemm arrays{.weights = weights.data(),
              .scales = scales.data(),
              .x = x.data(),
              .tokens = c.slots(),
              .x_words = c.x_words()};
  if (!c.first.empty()) {
    arrays.active = active.data();
    arrays.first = first.data();
  }
  if (!c.source.empty()) arrays.source = source.data();
  std::vector<float> got;
  for (const bool again : {false, true}) {
    const auto y = upload(d, std::vector<float>(results + guard, poison));
    arrays.y = y.data();
    multiply(m, arrays, c.usual, c.first.empty() ? 1 : static_cast<unsigned>(c.active.size()));
    const auto now = download(d, y.data(), results + guard);
    if (again && std::memcmp(now.data(), got.data(), now.size() * sizeof(float)) != 0)
      return c.name() + ": another result at the second time";
    got = now;
  }
  for (unsigned i = 0; i < guard; ++i)
    if (got[results + i] != poison)
      return fmt::format("{}: element {} behind the end was written", c.name(), i);
  return wrong_rows(c, experts, host_x, got);
}

}  // namespace

std::string verify_gemm(const Device& d, Format format, bool tensor_cores, std::uint64_t seed) {
  Random random(seed);
  // Few blocks have several units in a row, whatever the device.
  const Multiplier many(d, tensor_cores), few(d, tensor_cores, 2);
  // Fewer rows, columns and tokens than any unit has, one more, and several units, which blocks
  // share in parts; as many tokens as each kernel takes, and others.
  std::vector<Case> cases;
  for (const auto& [rows, cols, tokens] : {std::array{1u, 8u, 1u},
                                           {130u, 520u, 2u},
                                           {5u, 2056u, 7u},
                                           {260u, 136u, 8u},
                                           {33u, 384u, 13u},
                                           {129u, 264u, 16u},
                                           {20u, 1160u, 21u},
                                           {136u, 256u, 32u},
                                           {30u, 1544u, 45u},
                                           {140u, 296u, 64u},
                                           {12u, 72u, 67u}})
    cases.push_back({{format, rows, cols}, tokens, tokens});
  // Experts without slots, with some, and with more than are taken at once.
  const std::vector<U32> first{0, 3, 3, 24, 25};
  std::vector<U32> source;
  for (U32 i = 0; i < first.back(); ++i) source.push_back((i * 5 + 3) % 11);
  cases.push_back({{format, 140, 328}, 11, 3, first, {2, 0, 3}, source});
  cases.push_back({{format, 24, 80}, first.back(), 5, first, {0, 2, 3}});
  for (const Case& c : cases)
    if (auto wrong = verify_case(d, c.matrix.cols > 1000 ? few : many, c, random); !wrong.empty())
      return wrong;
  return {};
}

}  // namespace limen::gpu
