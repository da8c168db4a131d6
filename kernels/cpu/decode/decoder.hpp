// A decode step: one new token for each sequence, from the embedding to the choice of the next.
//
//   for each layer:  x += attention(norm(x)),  x += network(norm(x))       then  argmax(W norm(x))
//
// Claim: the operators of model/demand.hpp, by the same names; what lies between them is "rest".
//
// How: the whole step is one task of the team. Its members run the same stages, a barrier after
// each; in a stage each has its share of rows (products), of the cache (attention) or of tokens
// (the rest). Member 0 exchanges with the other ranks and notes when each stage was over.
//
// Files: decoder.cpp has the step's frame, decoder_attention.cpp, decoder_latent.cpp and
// decoder_network.cpp the stages of a layer.
//
// The embedding is the output table's row: one table, as where embeddings are tied; a table of its
// own would be read no differently. Biases of the projections are left out (a ten-thousandth of the
// bytes). Repeated steps are at the same place of the context, so that they can be timed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/cpu/decode/caches.hpp"
#include "kernels/cpu/decode/reference.hpp"
#include "kernels/cpu/decode/shape.hpp"
#include "kernels/cpu/decode/weights.hpp"
#include "kernels/cpu/gemm.hpp"
#include "kernels/cpu/sync.hpp"
#include "kernels/cpu/team.hpp"

namespace limen::kernels {

// How ranks exchange: called by one thread.
struct Exchanges {
  // out = the sum of all ranks' `in`.
  std::function<void(const float* in, float* out, std::size_t count)> sum;
  // Of each of `count` entries the largest value, and whose it is (the least number of equals).
  struct Candidate {
    float value;
    int token;
  };
  std::function<void(Candidate* candidates, std::size_t count)> largest;
};

class Decoder {
 public:
  enum class Fill { random, numbers };
  // `shape` is the rank's slice, as slice() makes it. Error if there is too little memory.
  Decoder(Team& team, const DecodeShape& shape, Fill fill, std::uint64_t seed = 1,
          Exchanges exchanges = {});

  // Another batch or context, the weights kept.
  void resize(std::size_t sequences, std::size_t context);

  // Takes a token of each sequence, leaves the next.
  void step(std::vector<std::uint32_t>& tokens);

  // Of the last step: seconds by block, then by Op. Blocks are the attention of layer 0, its
  // network, the attention of layer 1, ...; what belongs to no layer comes last.
  const std::vector<OpSeconds>& times() const { return times_; }
  const DecodeShape& shape() const { return shape_; }
  // Of the last step, [sequence][vocabulary of the slice].
  const std::vector<float>& logits() const { return logits_; }
  // Of the last step: experts that some token chose, summed over layers.
  std::size_t experts_read() const { return experts_read_; }
  std::size_t weight_bytes() const { return weights_.bytes(); }
  std::size_t cache_bytes() const { return caches_.bytes(); }

 private:
  struct Layer {
    std::vector<float> attention_gain, network_gain, query_gain, latent_gain;
  };
  struct Routed {                             // tokens by expert
    std::vector<std::uint32_t> chosen, slot;  // [token][top_k]; slot: the pair's place by expert
    std::vector<float> weight;
    std::vector<std::uint32_t> first;  // [expert + 1]: pairs of an expert
  };

  void make_weights(std::uint64_t seed);
  template <class Work>
  void stage(std::size_t member, Op op, Work&& work) {
    work();
    barrier_.wait(static_cast<int>(member));
    if (member != 0) return;
    const double stamp = now();
    times_[at_block_][static_cast<std::size_t>(op)] += stamp - last_stamp_;
    last_stamp_ = stamp;
  }
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  void product(std::size_t member, std::size_t matrix, const std::vector<float>& x,
               std::vector<float>& y);
  // to[sequence] = each head's matrix times what its part of `from` has for it; by heads.
  void by_head(std::size_t member, std::size_t layer, Role role, const float* from,
               std::size_t from_head, std::size_t from_stride, float* to, std::size_t to_head,
               std::size_t to_stride);
  // The member's share of n things, and of the sequences.
  RowRange share_of(std::size_t n, std::size_t member) const {
    return part_of(n, member, static_cast<std::size_t>(team_.size()));
  }
  RowRange tokens_of(std::size_t member) const { return share_of(shape_.sequences, member); }
  void run(std::size_t member, std::vector<std::uint32_t>& tokens);
  void grouped(std::size_t member, std::size_t layer);
  void latent(std::size_t member, std::size_t layer);
  void select(std::size_t member, std::size_t layer);
  void dense(std::size_t member, std::size_t layer);
  void routed(std::size_t member, std::size_t layer);
  void sort_pairs(const LayerShape& layer);
  // Adds up `out_` over the ranks: where the result is.
  const std::vector<float>& reduced(std::size_t member);
  void embed(std::size_t member, const std::vector<std::uint32_t>& tokens);
  void sample(std::size_t member, std::vector<std::uint32_t>& tokens);

  Team& team_;
  DecodeShape shape_;
  Fill fill_;
  std::uint64_t seed_;
  Exchanges exchanges_;
  MatrixOrder order_;
  Weights weights_;
  std::vector<Layer> layers_;
  std::vector<float> last_gain_;
  Barrier barrier_;
  std::vector<Workspace> workspaces_;
  Caches caches_;
  std::vector<float> cosine_, sine_;
  std::vector<float> residual_, normed_, qkv_, attended_, out_, reduced_, gate_up_, gated_, scores_,
      logits_;
  // Of latent attention: down to query_rank, and up; queries in the latent space, what they
  // attended to there; index queries; a member's rows for one head.
  std::vector<float> query_, queries_, latent_queries_, latent_out_, index_queries_;
  std::vector<std::vector<float>> head_in_, head_out_;
  std::vector<float> pair_x_, pair_gate_up_, pair_gated_, pair_out_;
  std::vector<Exchanges::Candidate> candidates_;
  Routed routed_;
  std::size_t experts_read_ = 0;

  std::vector<OpSeconds> times_;
  std::size_t at_block_ = 0;
  double last_stamp_ = 0;
};

// Runs one step of a small model of this shape and compares the logits of this rank's slice with
// plain fp64 arithmetic over the whole model; empty, or what is wrong. Collective where exchanges
// are.
std::string verify_decoder(Team& team, const DecodeShape& whole, std::size_t rank,
                           std::size_t ranks, const Exchanges& exchanges);
// Of the logits' own spread, by which they may err: what is rounded to bf16 on the way (queries and
// probabilities; with bf16 weights the input of every product) errs by 2^-9, at random.
constexpr double tolerance(Format weights) { return weights == Format::bf16 ? 0.1 : 0.06; }
// A few small shapes, of every kind of attention and of network, that a step is checked on before
// it is timed.
std::vector<DecodeShape> shapes_to_verify(Format weights);

}  // namespace limen::kernels
