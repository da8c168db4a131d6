// What a decode step finds in the caches of its layers: random numbers, or those that steps are
// checked on.
#include "kernels/cuda/decoder_rank.hpp"
#include "kernels/cuda/numbers.hpp"

namespace limen::gpu {

using kernels::Numbers;

void Decoder::make_caches(Rank& r) {
  const Device& d = *r.device;
  const DecodeShape& s = r.shape;
  for (std::size_t l = 0; l < s.layers.size(); ++l) {
    const LayerShape& layer = s.layers[l];
    const bool latent = layer.is_latent();
    const std::size_t of_each = latent ? 1 : layer.kv_heads, heads = s.sequences * of_each,
                      kept = s.kept(layer);
    for (bool value : {false, true}) {
      const std::size_t dim = !latent ? layer.head_dim
                              : value ? layer.latent.index_dim
                                      : layer.latent.key_dim(),
                        n = heads * kept * dim;
      auto& cache = value ? r.layers[l].values : r.layers[l].keys;
      cache.reset();
      if (n == 0) continue;
      cache = {d, n};
      if (fill_ == Fill::random) {  // +-[1/2, 1)
        randomize(d, reinterpret_cast<Words*>(cache.data()), n / 8, 0x807f807fu, 0x3f003f00u,
                  seed_ + u(2 * l) + (value ? 1 : 0));
        continue;
      }
      const auto number = [&](std::size_t h, std::size_t t, std::size_t e) {
        if (latent && value) return Numbers::index_key(l, h, t, e);
        const std::size_t head = latent ? 0 : kernels::whole_kv_head(s, layer, h % of_each);
        return Numbers::cached(l, h / of_each, head, t, e, value);
      };
      std::vector<std::uint16_t> host(n, 0x4120);  // of the new token: 10, until it is written
      for (std::size_t h = 0; h < heads; ++h)
        for (std::size_t t = 0; t + 1 < kept; ++t)
          for (std::size_t e = 0; e < dim; ++e)
            host[(h * kept + t) * dim + e] = exact_bf16(number(h, s.context - kept + t, e));
      d.copy(cache.data(), host.data(), n * 2);
      d.synchronize();
    }
  }
}

}  // namespace limen::gpu
