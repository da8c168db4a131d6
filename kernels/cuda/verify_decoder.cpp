#include <fmt/format.h>

#include "kernels/cuda/decoder.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {

using kernels::DecodeShape, kernels::LayerShape;

std::vector<DecodeShape> shapes_to_verify(kernels::Format weights, std::size_t ranks) {
  const std::size_t n = ranks <= 2 ? 1 : ranks;
  const LayerShape dense{6 * n, 2 * n, 64, 70, 144 * n, 0, 0, 0};
  const LayerShape windowed{2 * n, 2 * n, 128, 40, 144 * n, 0, 0, 0};
  const LayerShape experts{2 * n, 2 * n, 128, 70, 0, 5, 2, 80 * n};
  const LayerShape shared{18 * n, 2 * n, 64, 33, 80 * n, 6, 3, 80 * n};
  return {{weights, 136, 66 * n, 1, 70, {dense, dense}, 0, 1},
          {weights, 136, 66 * n, 3, 70, {windowed, experts}, 0, 1},
          {weights, 136, 66 * n, 9, 70, {shared}, 0, 1}};
}

std::string verify_decoder(const std::vector<const Device*>& devices, const DecodeShape& whole) {
  Decoder decoder(devices, whole, Decoder::Fill::numbers);
  auto tokens = kernels::tokens_to_verify(whole);
  decoder.step(tokens);
  // The input of every product is rounded to bf16: some percent of the logits' spread in the end.
  constexpr double tolerance = 0.12;
  for (std::size_t rank = 0; rank < devices.size(); ++rank) {
    const auto wrong =
        kernels::wrong_step(whole, rank, devices.size(), decoder.logits(rank), tokens, tolerance);
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string verify_decode(const std::vector<const Device*>& devices, kernels::Format weights) {
  for (const DecodeShape& shape : shapes_to_verify(weights, devices.size()))
    if (auto wrong = verify_decoder(devices, shape); !wrong.empty()) return wrong;
  return {};
}

}  // namespace limen::gpu
