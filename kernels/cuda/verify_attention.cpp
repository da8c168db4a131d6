#include <algorithm>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {
namespace {

constexpr double rounding = 1.0 / (1 << 24);

struct Cache {
  std::vector<std::uint8_t> bytes;  // as the kernel has it
  std::vector<double> values;
};

Cache random_cache(const Attention& a, Random& random) {
  Cache c;
  const std::size_t n = a.cache_bytes() / (a.format == Format::bf16 ? 2 : 1);
  for (std::size_t i = 0; i < n; ++i) {
    if (a.format == Format::bf16) {
      const std::uint16_t v = random.bf16();
      c.bytes.push_back(static_cast<std::uint8_t>(v));
      c.bytes.push_back(static_cast<std::uint8_t>(v >> 8));
      c.values.push_back(decode_bf16(v));
    } else {  // magnitudes up to 2, as a scaled cache has them
      const auto code = static_cast<std::uint8_t>(random.bits() & 0xbfu);
      c.bytes.push_back(code);
      c.values.push_back(decode_e4m3(code));
    }
  }
  return c;
}

std::string verify_shape(const Device& d, const Attention& a, unsigned shares, Random& random) {
  constexpr float scale = 0.03125f, poison = -12345.5f;
  const std::size_t head = a.dim;
  constexpr std::size_t guard = 16;
  std::vector<float> q(a.heads() * head);
  for (auto& v : q) v = random.fp32();
  const Cache k = random_cache(a, random), v = random_cache(a, random);
  const auto dq = upload(d, q);
  const auto dk = upload(d, k.bytes), dv = upload(d, v.bytes);
  const auto partial = upload(d, std::vector<float>(attention_partial(a, shares), poison));
  const auto result = upload(d, std::vector<float>(a.heads() * head + guard, poison));
  attention(d, a, {dq.data(), dk.data(), dv.data(), partial.data(), result.data()}, shares, scale);
  const auto got = download(d, result.data(), a.heads() * head + guard);
  const std::string which =
      fmt::format("attention {}, {} heads of {} a KV head, context {} in {} shares", name(a.format),
                  a.heads_per_kv, a.dim, a.context, shares);
  std::vector<double> score(a.context);
  for (std::size_t h = 0; h < a.heads(); ++h) {
    const std::size_t base = h / a.heads_per_kv * a.context * head;
    double most = -1e300, error_of_score = 0;
    for (std::size_t p = 0; p < a.context; ++p) {
      double s = 0, magnitude = 0;
      for (std::size_t i = 0; i < head; ++i) {
        const double term = static_cast<double>(q[h * head + i]) * k.values[base + p * head + i];
        s += term;
        magnitude += std::abs(term);
      }
      score[p] = s * static_cast<double>(scale);
      most = std::max(most, score[p]);
      // 8 products a lane, 4 shuffles, the factor; then the difference to the maximum.
      error_of_score = std::max(
          error_of_score,
          rounding * (16 * magnitude * static_cast<double>(scale) + 4 * std::abs(score[p])));
    }
    double total = 0;
    for (double& s : score) total += s = std::exp(s - most);
    // Each weight errs by its score's error and by 2^-21 of the exponentials; the sums by their
    // depth.
    const double tiles = std::ceil(a.context / 32.0);
    const double share =
        2 * (2 * error_of_score + 4.8e-7) + rounding * (2 * tiles * 34 + 4.0 * shares + 16);
    for (std::size_t i = 0; i < head; ++i) {
      double sum = 0, magnitude = 0;
      for (std::size_t p = 0; p < a.context; ++p) {
        const double term = score[p] / total * v.values[base + p * head + i];
        sum += term;
        magnitude += std::abs(term);
      }
      const double error = std::abs(static_cast<double>(got[h * head + i]) - sum);
      if (!(error <= share * magnitude))
        return fmt::format("{}: head {} dimension {} is {:.7g}, not {:.7g} +- {:.1g}", which, h, i,
                           got[h * head + i], sum, share * magnitude);
    }
  }
  for (std::size_t i = a.heads() * head; i < got.size(); ++i)
    if (got[i] != poison) return which + ": wrote behind its result";
  return {};
}

// A result in bf16 against the reference, which it may miss by half a unit in the last place and
// by what its arithmetic rounds.
bool near_in_bf16(std::uint32_t bits, double want) {
  return std::abs(decode_bf16(bits) - want) <= std::abs(want) * (1.0 / 256 + 2e-5) + 1e-37;
}

struct Bf16 {
  std::vector<Words> words;
  std::vector<double> values;
};
Bf16 random_bf16(std::size_t n, Random& random) {
  Bf16 all{std::vector<Words>(n / 8), std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t v = random.bf16();
    all.words[i / 8].w[i / 2 % 4] |= v << 16 * (i % 2);
    all.values[i] = decode_bf16(v);
  }
  return all;
}
std::uint32_t bf16_at(const std::vector<Words>& words, std::size_t i) {
  return words[i / 8].w[i / 2 % 4] >> 16 * (i % 2) & 0xffffu;
}
constexpr Words poison{{0xff3dff3du, 0xff3dff3du, 0xff3dff3du, 0xff3dff3du}};

std::string compare(const std::string& which, const std::vector<Words>& got,
                    const std::vector<double>& want) {
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!near_in_bf16(bf16_at(got, i), want[i]))
      return fmt::format("{}: element {} is {:.5g}, not {:.5g}", which, i,
                         decode_bf16(bf16_at(got, i)), want[i]);
  for (std::size_t i = want.size(); i < 8 * got.size(); ++i)
    if (bf16_at(got, i) != 0xff3d) return which + ": wrote behind its result";
  return {};
}

}  // namespace

std::string verify_attention(const Device& d, Format cache, unsigned heads_per_kv,
                             std::uint64_t seed) {
  Random random(seed);
  for (const auto& [context, shares] : {std::pair{1u, 1u}, {37u, 3u}, {100u, 2u}, {161u, 1u}}) {
    for (const unsigned dim : head_dims) {
      const Attention shape{
          cache, context == 37 ? 2u : 1u, context == 161 ? 1u : 2u, heads_per_kv, context, dim};
      if (auto wrong = verify_shape(d, shape, shares, random); !wrong.empty()) return wrong;
    }
  }
  return {};
}

std::string verify_rms_norm(const Device& d, std::uint64_t seed) {
  Random random(seed);
  constexpr float epsilon = 1e-5f;
  for (const auto& [tokens, columns] : {std::pair{1u, 8u}, {3u, 1000u}, {2u, 4104u}}) {
    const auto x = random_bf16(std::size_t{tokens} * columns, random);
    const auto gain = random_bf16(columns, random);
    const auto dx = upload(d, x.words), dg = upload(d, gain.words);
    const auto out = upload(d, std::vector<Words>(x.words.size() + 4, poison));
    rms_norm(d, dx.data(), dg.data(), out.data(), tokens, columns, epsilon);
    std::vector<double> want(x.values.size());
    for (std::size_t t = 0; t < tokens; ++t) {
      double squares = 0;
      for (std::size_t c = 0; c < columns; ++c)
        squares += x.values[t * columns + c] * x.values[t * columns + c];
      const double f = 1 / std::sqrt(squares / columns + static_cast<double>(epsilon));
      for (std::size_t c = 0; c < columns; ++c)
        want[t * columns + c] = x.values[t * columns + c] * f * gain.values[c];
    }
    const auto which = fmt::format("rms_norm of {} x {}", tokens, columns);
    if (auto wrong = compare(which, download(d, out.data(), out.size()), want); !wrong.empty())
      return wrong;
  }
  return {};
}

std::string verify_swiglu(const Device& d, std::uint64_t seed) {
  Random random(seed);
  for (const std::size_t n : {8u, 1000u, 8200u}) {
    const auto gate = random_bf16(n, random), up = random_bf16(n, random);
    const auto dg = upload(d, gate.words), du = upload(d, up.words);
    const auto out = upload(d, std::vector<Words>(n / 8 + 4, poison));
    swiglu(d, dg.data(), du.data(), out.data(), n);
    std::vector<double> want(n);
    for (std::size_t i = 0; i < n; ++i)
      want[i] = gate.values[i] / (1 + std::exp(-gate.values[i])) * up.values[i];
    const auto which = fmt::format("swiglu of {}", n);
    if (auto wrong = compare(which, download(d, out.data(), out.size()), want); !wrong.empty())
      return wrong;
  }
  return {};
}

}  // namespace limen::gpu
