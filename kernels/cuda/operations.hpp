// The kernels as operations: how they are launched, how their arguments lie in memory, and the work
// that they claim. Each call is one launch (attention: two) on the device's stream; DeviceError if
// it is beyond a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/backend.hpp"
#include "kernels/cuda/table.hpp"
#include "kernels/cuda/words.hpp"
#include "model/work.hpp"

namespace limen::gpu {

// What is asked for is beyond what a kernel can do: DeviceError, invalid value.
[[noreturn]] void refuse(const std::string& why);
constexpr unsigned ceiling(std::size_t n, std::size_t by) {
  return static_cast<unsigned>((n + by - 1) / by);
}

enum class Stream { read, write, copy, triad };
inline constexpr Stream all_streams[] = {Stream::read, Stream::write, Stream::copy, Stream::triad};
const char* name(Stream kernel);
constexpr std::size_t arrays(Stream kernel) {
  return kernel == Stream::triad ? 3 : kernel == Stream::copy ? 2 : 1;
}
// Of n accesses of 16 bytes an array; `sum` of read is added to.
struct StreamArrays {
  Words* to = nullptr;
  const Words *from = nullptr, *second = nullptr;
  U64* sum = nullptr;
};
inline constexpr float triad_factor = 3;
void stream(const Device& device, Stream kernel, const StreamArrays& arrays, std::size_t n,
            unsigned blocks, U32 value);
model::Work stream_work(Stream kernel, std::size_t n);
// Loads a kernel, which CUDA does at its first launch otherwise: too late if others wait for it.
void load(const Device& device, const AnyKernel& kernel);
// Blocks that fill every multiprocessor.
unsigned full_grid(const Device& device, const AnyKernel& kernel);

// `out`: one float a thread.
void multiply_add(const Device& device, unsigned blocks, unsigned rounds, float* out);
model::Work multiply_add_work(unsigned blocks);  // of a round
// Chains change sign and lose a millionth at each step: no two steps have the same digits.
inline constexpr float fma_factor = 0x1p-20f - 1, fma_summand = 0.5f;

// A matrix of weights: rows padded to 16 bytes; scales of int8 and int4, fp16, [row][group].
struct Matrix {
  Format format = Format::fp32;
  unsigned rows = 0, cols = 0;

  std::size_t row_words() const { return (cols + per_words(format) - 1) / per_words(format); }
  std::size_t words() const { return row_words() * rows; }
  std::size_t groups() const { return grouped(format) ? (cols + group - 1) / group : 0; }
  std::size_t scales() const { return groups() * rows; }
  // x is padded to whole accesses of weights.
  std::size_t x_bytes() const {
    return row_words() * per_words(format) * (format == Format::fp32 ? 4 : 2);
  }
};
// 4 rows a block where enough blocks are left for the device, else 1.
bool four_rows(const Device& device, const Matrix& matrix);
void gemv(const Device& device, const Matrix& matrix, const Words* weights,
          const std::uint16_t* scales, const void* x, float* y, bool four_rows);
model::Work gemv_work(const Matrix& matrix);
// Several tokens, bf16, int8 or int4; `arrays` without rows and columns, which the matrix (of each
// expert) has. A warp takes up to 8 tokens at a time, about as many as `at_once`. `experts`: the
// most that are active.
void gemm(const Device& device, const Matrix& matrix, Gemm arrays, unsigned at_once,
          unsigned experts = 1);

// The same on tensor cores, by a launch for every 64 tokens; an expert has at most as many slots.
// A block takes `at_once` tokens, more of them read the weights again. Deterministic.
struct TensorScratch {
  Memory<Words> parts{};
  Memory<U32> arrived{};  // zeros between launches
};
// For any matrix, and launches of that many blocks.
TensorScratch tensor_scratch(const Device& device, unsigned blocks);
void tensor_gemm(const Device& device, const Matrix& matrix, Gemm arrays, unsigned at_once,
                 unsigned experts, const TensorScratch& scratch);

// Either of them: on tensor cores where the device has them.
class Multiplier {
 public:
  explicit Multiplier(const Device& device)
      : Multiplier(device, device.backend().tensor_cores(device.number())) {}
  // With `blocks` less than 2 a multiprocessor only to check the kernel.
  Multiplier(const Device& device, bool tensor_cores, unsigned blocks = 0);
  // `usual`: tokens, or slots that an expert has on average.
  void operator()(const Matrix& matrix, Gemm arrays, unsigned usual, unsigned experts = 1) const;

 private:
  const Device* device_;
  TensorScratch scratch_{};
};

// Attention of a decode step over a cache of 64 or 128 dimensions a head.
struct Attention {
  Format format = Format::bf16;  // of the cache: bf16 or fp8
  unsigned sequences = 1, kv_heads = 1, heads_per_kv = 1, context = 1, dim = 128;

  unsigned heads() const { return sequences * kv_heads * heads_per_kv; }
  std::size_t cache_bytes() const;  // of the keys; the values take the same
};
struct AttentionArrays {
  const float* q = nullptr;  // [head][dim]
  const void *keys = nullptr, *values = nullptr;
  float* partial = nullptr;          // attention_partial() floats
  float* result = nullptr;           // [head][dim]; or, where it is null,
  std::uint16_t* rounded = nullptr;  // the result in bf16
};
// Blocks that share the positions of one KV head: as many as keep the device busy.
unsigned attention_shares(const Device& device, const Attention& shape);
std::size_t attention_partial(const Attention& shape, unsigned shares);
void attention(const Device& device, const Attention& shape, const AttentionArrays& arrays,
               unsigned shares, float scale);
model::Work attention_work(const Attention& shape);

model::Work rms_norm_work(unsigned tokens, unsigned columns);
void rms_norm(const Device& device, const Words* x, const Words* gain, Words* out, unsigned tokens,
              unsigned columns, float epsilon);
model::Work swiglu_work(std::size_t elements);
void swiglu(const Device& device, const Words* gate, const Words* up, Words* out,
            std::size_t elements);

// Blocks of a grid whose barrier is to be timed.
unsigned barrier_grid(const Device& device);
void grid_barrier(const Device& device, unsigned blocks, U32 rounds, U32* arrived, U32* seen,
                  U32 polls, Status* status);
inline constexpr unsigned barrier_threads = 128;  // marks a block in `seen`

}  // namespace limen::gpu
