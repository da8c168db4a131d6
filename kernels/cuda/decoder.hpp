// A decode step on GPUs: that of kernels/cpu/decode, by the same names, from the embedding to the
// choice of the next token. Tensor-parallel over ranks, a device each, of this process or of others
// (device_ranks.hpp), which add up their results by all-reduce over each other's memory, or by
// NCCL.
//
// How: the step is a list of stages, each one launch (attention: two), captured into one graph a
// device, all devices of a process together. What belongs to one operator is also captured by
// itself, so that it can be timed: events lie outside the graphs. Weights are bf16, or int8 or int4
// with an fp16 scale for 128 of a row; the residual is fp32, what products take is bf16, as are the
// cache and the exchanged messages. Several tokens are multiplied on tensor cores, where there are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/decode/reference.hpp"
#include "kernels/cuda/operations.hpp"
#include "kernels/cuda/step_sum.hpp"

namespace limen::gpu {

// Why no step of this shape can be run on `ranks` devices; empty if it can.
std::string not_for_gpus(const kernels::DecodeShape& whole, std::size_t ranks);

class Decoder {
 public:
  enum class Fill { random, numbers };
  // The whole model's shape. DeviceError if there is too little memory, if devices cannot reach
  // each other, or without NCCL where it is asked for. With ranks that are other processes all of
  // the class is collective but what reads results.
  Decoder(const DeviceRanks& ranks, const kernels::DecodeShape& whole, Fill fill, U32 seed = 1,
          ExchangeBy by = ExchangeBy::own);
  ~Decoder();

  // Another batch or context, the weights kept.
  void resize(std::size_t sequences, std::size_t context);

  // Takes a token of each sequence, leaves the next. DeviceError if a rank waited in vain.
  void step(std::vector<U32>& tokens);
  // Seconds of one of `repeats` steps with these tokens, of the slowest rank of this process.
  double time_step(const std::vector<U32>& tokens, unsigned repeats);
  // The same of some blocks (kernels::Decoder::times()) alone, with what the last step left: of all
  // in them, or of one operator.
  double time(const std::vector<std::size_t>& blocks, std::optional<kernels::Op> op,
              unsigned repeats);

  const kernels::DecodeShape& shape() const { return whole_; }
  std::size_t ranks() const { return group_.ranks; }
  // Of the last step, of a rank of this process, [sequence][vocabulary of the slice].
  std::vector<float> logits(std::size_t rank) const;
  // Of the last step: experts that some token chose, summed over layers.
  std::size_t experts_read() const;
  // Before it is destroyed while other processes go on.
  void close();

 private:
  struct Rank;

  void make_weights(Rank& rank, Fill fill, U32 seed);
  void make_caches(Rank& rank);
  void make_arrays(Rank& rank);
  void make_stages(Rank& rank);
  void make_latent_arrays(Rank& rank);
  // What lies between the first projection of a layer and its output matrix.
  using AddStage = std::function<void(kernels::Op, std::function<void()>)>;
  void add_latent_stages(Rank& rank, std::size_t layer, const AddStage& add);
  void add_index_stages(Rank& rank, std::size_t layer, const Words* query, const AddStage& add);
  // Null if there is no such stage.
  template <class Wanted>
  std::unique_ptr<CapturedGraph> capture(Wanted&& wanted);
  double time_graph(const CapturedGraph& graph, unsigned repeats);
  void set_tokens(const std::vector<U32>& tokens);
  void check_peers() const;

  DeviceRanks group_;
  kernels::DecodeShape whole_;
  Fill fill_;
  U32 seed_;
  ExchangeBy by_;
  std::vector<std::unique_ptr<Rank>> ranks_;  // of this process
  std::unique_ptr<Nccl> nccl_;
  std::unique_ptr<StepSum> sums_, choices_;  // exchanges: results of layers, tokens
  std::unique_ptr<CapturedGraph> step_;
  std::map<std::pair<std::vector<std::size_t>, std::optional<kernels::Op>>,
           std::unique_ptr<CapturedGraph>>
      parts_;
};

// Runs one step of a small model and compares what the ranks of this process have with plain fp64
// arithmetic; empty, or what is wrong, in one line.
std::string verify_decoder(const DeviceRanks& ranks, const kernels::DecodeShape& whole,
                           ExchangeBy by = ExchangeBy::own);
// Small shapes, no size a multiple of what kernels like, that a step on `ranks` devices is checked
// on before it is timed.
std::vector<kernels::DecodeShape> shapes_to_verify(kernels::Format weights, std::size_t ranks);
// The products of a step by themselves, where a device's tensor cores take them.
std::string verify_products(const DeviceRanks& ranks, kernels::Format weights);
// All of these on these devices; with other processes the same at all of them.
std::string verify_decode(const DeviceRanks& ranks, kernels::Format weights,
                          ExchangeBy by = ExchangeBy::own);

}  // namespace limen::gpu
