// The KV caches of all layers of a slice, as the threads have them, and the plans of attention over
// them.
#pragma once

#include <memory>
#include <vector>

#include "kernels/cpu/buffer.hpp"
#include "kernels/cpu/decode/attention.hpp"
#include "kernels/cpu/decode/index.hpp"
#include "kernels/cpu/decode/shape.hpp"

namespace limen::kernels {

class Caches {
 public:
  // Reserves and fills: with the numbers that a step is checked on, or at random.
  void make(Team& team, const DecodeShape& shape, bool numbers, std::uint64_t seed);

  std::size_t bytes() const;
  AttentionPlan& plan(std::size_t layer) { return *layers_[layer].plan; }
  // A member's part of a layer's cache, and of its index.
  std::byte* memory(std::size_t layer, std::size_t member) const {
    return layers_[layer].memory[member].data();
  }
  // Of those that are kept the indexer, where there is one, selects.
  const LatentRows& rows(std::size_t layer) const { return layers_[layer].rows; }
  Indexer* indexer(std::size_t layer) const { return layers_[layer].indexer.get(); }
  const std::byte* index(std::size_t layer, std::size_t member) const {
    return layers_[layer].index[member].data();
  }

  // The new token of each sequence, as far as it is in the member's part; `stride` floats a
  // sequence. Keys, and behind all of them values; or a latent row; or an index key.
  void append(std::size_t layer, std::size_t member, const float* keys, std::size_t stride);
  void append_row(std::size_t layer, std::size_t member, const float* rows, std::size_t stride);
  void append_index(std::size_t layer, std::size_t member, const float* keys, std::size_t stride);

 private:
  struct Layer {
    std::shared_ptr<AttentionPlan> plan;  // layers of the same shape have the same
    CacheShape kept;                      // what lies in memory
    std::vector<std::vector<Piece>> pieces;
    std::vector<Buffer> memory, index;  // by member
    LatentRows rows;
    std::shared_ptr<Indexer> indexer;
  };
  void lay_out(Layer& layer, const DecodeShape& shape, const LayerShape& of, std::size_t members);
  void fill_numbers(std::size_t l, std::size_t m, const DecodeShape& shape);

  std::vector<Layer> layers_;
};

}  // namespace limen::kernels
