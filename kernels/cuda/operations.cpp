#include "kernels/cuda/operations.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace limen::gpu {

void refuse(const std::string& why) {
  constexpr int invalid_value = 1;
  throw DeviceError(why, invalid_value);
}

void load(const Device& d, const AnyKernel& kernel) {
  d.backend().resident_blocks(d.number(), kernel, kernel.threads);
}

const char* name(Stream kernel) {
  constexpr const char* names[] = {"read", "write", "copy", "triad"};
  return names[static_cast<int>(kernel)];
}

void stream(const Device& d, Stream kernel, const StreamArrays& a, std::size_t n, unsigned blocks,
            U32 value) {
  const KernelTable& k = d.kernels();
  switch (kernel) {
    case Stream::read:
      return d.launch(k.read, {{blocks}, k.read.threads}, a.from, n, a.sum);
    case Stream::write:
      return d.launch(k.write, {{blocks}, k.write.threads}, a.to, n, value);
    case Stream::copy:
      return d.launch(k.copy, {{blocks}, k.copy.threads}, a.to, a.from, n);
    case Stream::triad:
      return d.launch(k.triad, {{blocks}, k.triad.threads}, a.to, a.from, a.second, triad_factor,
                      n);
  }
}

model::Work stream_work(Stream kernel, std::size_t n) {
  const auto bytes = 16.0 * static_cast<double>(n);
  const bool writes = kernel != Stream::read;
  const double reads = kernel == Stream::write ? 0 : kernel == Stream::triad ? 2 : 1;
  return {model::bytes(reads * bytes), model::bytes(writes ? bytes : 0),
          model::flops(kernel == Stream::triad ? bytes / 2 : 0)};
}

unsigned full_grid(const Device& d, const AnyKernel& kernel) {
  const int blocks = d.backend().resident_blocks(d.number(), kernel, kernel.threads);
  return static_cast<unsigned>(std::max(1, blocks) * d.properties().multiprocessors);
}

void multiply_add(const Device& d, unsigned blocks, unsigned rounds, float* out) {
  const auto& kernel = d.kernels().multiply_add;
  d.launch(kernel, {{blocks}, kernel.threads}, fma_factor, fma_summand, rounds, out);
}
model::Work multiply_add_work(unsigned blocks) {
  return {model::bytes(0.0), model::bytes(0.0),
          model::flops(2.0 * fma_steps * fma_chains * fma_threads * blocks)};
}

bool four_rows(const Device& d, const Matrix& m) {
  return m.rows / 4 >= 4 * static_cast<unsigned>(d.properties().multiprocessors);
}

void gemv(const Device& d, const Matrix& m, const Words* weights, const std::uint16_t* scales,
          const void* x, float* y, bool four) {
  if (m.rows == 0 || m.cols == 0) refuse("gemv: a matrix without rows or columns");
  if (m.cols > (1u << 30)) refuse(fmt::format("gemv: {} columns are too many", m.cols));
  const auto at = static_cast<std::size_t>(m.format);
  const auto& kernel = four ? d.kernels().gemv_four_rows[at] : d.kernels().gemv_one_row[at];
  d.launch(kernel, {{ceiling(m.rows, four ? 4 : 1)}, kernel.threads}, weights, scales,
           static_cast<const Words*>(x), y, m.rows, m.cols);
}

model::Work gemv_work(const Matrix& m) {
  const double weights = static_cast<double>(m.rows) * m.cols;
  const double bytes = weights * 16 / per_words(m.format) + 2.0 * static_cast<double>(m.scales()) +
                       (m.format == Format::fp32 ? 4.0 : 2.0) * m.cols;
  return {model::bytes(bytes), model::bytes(4.0 * m.rows), model::flops(2 * weights)};
}

namespace {

// Of the kernels for a format, by tokens that they take at once, the first that takes `at_once`, or
// the last. Error if none computes this.
template <class K, std::size_t Formats, std::size_t Sizes>
const K& kernel_for(const char* what, const K (&kernels)[Formats][Sizes],
                    const unsigned (&sizes)[Sizes], const Matrix& m, unsigned tokens,
                    unsigned at_once, unsigned experts) {
  if (m.rows == 0 || m.cols == 0 || m.cols % 8 != 0)
    refuse(fmt::format("{}: {} rows of {} columns; a multiple of 8", what, m.rows, m.cols));
  if (tokens == 0 || experts == 0) refuse(fmt::format("{}: no tokens", what));
  const auto* fits = std::find_if(std::begin(sizes), std::end(sizes),
                                  [&](unsigned size) { return size >= at_once; });
  const auto i = std::min(fits, std::end(sizes) - 1) - std::begin(sizes);
  const K& kernel = kernels[static_cast<std::size_t>(m.format)][i];
  if (kernel.function == nullptr)
    refuse(fmt::format("{}: {} weights; bf16, int8 or int4", what, name(m.format)));
  return kernel;
}

}  // namespace

void gemm(const Device& d, const Matrix& m, Gemm arrays, unsigned at_once, unsigned experts) {
  const auto& kernel =
      kernel_for("gemm", d.kernels().gemm, gemm_tokens, m, arrays.tokens, at_once, experts);
  arrays.rows = m.rows;
  arrays.cols = m.cols;
  constexpr unsigned rows_of_block = 16;  // 4 warps, 4 rows each
  d.launch(kernel, {{ceiling(m.rows, rows_of_block), experts}, kernel.threads}, arrays);
}

TensorScratch tensor_scratch(const Device& d, unsigned blocks) {
  TensorScratch scratch{{d, tensor_parts(blocks)}, {d, blocks}};
  d.fill(scratch.arrived.data(), 0, scratch.arrived.bytes());
  return scratch;
}

void tensor_gemm(const Device& d, const Matrix& m, Gemm arrays, unsigned at_once, unsigned experts,
                 const TensorScratch& scratch) {
  const auto& kernel = kernel_for("tensor gemm", d.kernels().tensor_gemm, tensor_tokens, m,
                                  arrays.tokens, at_once, experts);
  const auto most = static_cast<unsigned>(scratch.arrived.size());
  const auto blocks = std::min(full_grid(d, kernel), most);
  const std::size_t units =
      std::size_t{experts} * ceiling(m.rows, tensor_rows) * ceiling(m.cols, tensor_cols);
  if (std::max({(units + 1) * blocks, m.words(), std::size_t{arrays.tokens} * arrays.x_words}) >>
      32)
    refuse(fmt::format("tensor gemm: {} rows of {} columns are too many", m.rows, m.cols));
  arrays.rows = m.rows;
  arrays.cols = m.cols;
  const auto grid = static_cast<unsigned>(std::min<std::size_t>(blocks, units));
  for (unsigned left = arrays.tokens; left > 0;) {
    arrays.tokens = arrays.active != nullptr ? left : std::min(left, tensor_most);
    d.launch(kernel, {{grid}, kernel.threads}, arrays, scratch.parts.data(),
             scratch.arrived.data());
    arrays.x += std::size_t{arrays.tokens} * arrays.x_words;
    arrays.y += std::size_t{arrays.tokens} * m.rows;
    left -= arrays.tokens;
  }
}

Multiplier::Multiplier(const Device& d, bool tensor_cores, unsigned blocks) : device_(&d) {
  // More of them a multiprocessor have no more accesses on their way.
  const unsigned most = 2 * static_cast<unsigned>(d.properties().multiprocessors);
  if (tensor_cores) scratch_ = tensor_scratch(d, blocks > 0 ? blocks : most);
}
void Multiplier::operator()(const Matrix& m, Gemm arrays, unsigned usual, unsigned experts) const {
  if (scratch_.arrived.size() == 0) return gemm(*device_, m, arrays, usual, experts);
  // Some experts have more than usual; columns for tokens that are not there take no time.
  const bool routed = arrays.active != nullptr;
  tensor_gemm(*device_, m, arrays, routed ? 2 * usual : usual, experts, scratch_);
}

std::size_t Attention::cache_bytes() const {
  return std::size_t{sequences} * kv_heads * context * dim * (format == Format::bf16 ? 2 : 1);
}

unsigned attention_shares(const Device& d, const Attention& a) {
  const unsigned tiles = ceiling(a.context, 32);
  const auto wanted = static_cast<unsigned>(d.properties().multiprocessors) * 4;
  return std::clamp(wanted / std::max(1u, a.sequences * a.kv_heads), 1u, tiles);
}
std::size_t attention_partial(const Attention& a, unsigned shares) {
  return std::size_t{a.heads()} * shares * (a.dim + 2);
}

void attention(const Device& d, const Attention& a, const AttentionArrays& arrays, unsigned shares,
               float scale) {
  const auto* dim = std::find(std::begin(head_dims), std::end(head_dims), a.dim);
  if (dim == std::end(head_dims))
    refuse(fmt::format("attention: heads of {} dimensions; 64 or 128", a.dim));
  if (a.format != Format::bf16 && a.format != Format::fp8)
    refuse(fmt::format("attention: a cache in {}; bf16 or fp8", name(a.format)));
  if (a.context == 0 || a.sequences == 0 || a.kv_heads == 0 || a.heads_per_kv == 0 || shares == 0)
    refuse("attention: nothing to attend to");
  const auto& k = d.kernels();
  // A block for as many queries as one is made for, the last of them filled in part.
  const auto* fits = std::find_if(std::begin(attention_groups), std::end(attention_groups),
                                  [&](unsigned heads) { return heads >= a.heads_per_kv; });
  const auto* made_for = fits == std::end(attention_groups) ? fits - 1 : fits;
  const auto i = static_cast<std::size_t>(dim - std::begin(head_dims)),
             g = static_cast<std::size_t>(made_for - std::begin(attention_groups));
  const auto& kernel = a.format == Format::bf16 ? k.attention_bf16[i][g] : k.attention_fp8[i][g];
  const unsigned blocks = ceiling(a.heads_per_kv, *made_for);
  d.launch(kernel, {{shares, a.sequences * a.kv_heads * blocks}, kernel.threads}, arrays.q,
           arrays.keys, arrays.values, arrays.partial, a.context, a.heads_per_kv, shares, scale);
  const Launch join{{a.heads()}, a.dim};
  if (arrays.result != nullptr) {
    d.launch(k.attention_join[i], join, arrays.partial, arrays.result, shares);
  } else {
    d.launch(k.attention_join_bf16[i], join, arrays.partial, arrays.rounded, shares);
  }
}

model::Work attention_work(const Attention& a) {
  const double vectors = 4.0 * a.heads() * a.dim;
  return {model::bytes(2.0 * static_cast<double>(a.cache_bytes()) + vectors), model::bytes(vectors),
          model::flops(4.0 * a.heads() * a.context * a.dim)};
}

model::Work rms_norm_work(unsigned tokens, unsigned columns) {
  const double elements = static_cast<double>(tokens) * columns;
  return {model::bytes(2 * elements + 2.0 * columns), model::bytes(2 * elements),
          model::flops(4 * elements)};
}
void rms_norm(const Device& d, const Words* x, const Words* gain, Words* out, unsigned tokens,
              unsigned columns, float epsilon) {
  if (columns == 0 || columns % 8 != 0)
    refuse(fmt::format("rms_norm: {} columns; a multiple of 8", columns));
  const auto& kernel = d.kernels().rms_norm;
  d.launch(kernel, {{tokens}, kernel.threads}, x, gain, out, columns, epsilon);
}
model::Work swiglu_work(std::size_t elements) {
  const auto n = static_cast<double>(elements);
  return {model::bytes(4 * n), model::bytes(2 * n), model::flops(5 * n)};
}
void swiglu(const Device& d, const Words* gate, const Words* up, Words* out, std::size_t elements) {
  if (elements == 0 || elements % 8 != 0)
    refuse(fmt::format("swiglu: {} elements; a multiple of 8", elements));
  const auto& kernel = d.kernels().swiglu;
  const unsigned blocks = std::min(ceiling(elements / 8, kernel.threads), full_grid(d, kernel));
  d.launch(kernel, {{blocks}, kernel.threads}, gate, up, out, elements / 8);
}

unsigned barrier_grid(const Device& d) {
  return static_cast<unsigned>(d.properties().multiprocessors);
}
void grid_barrier(const Device& d, unsigned blocks, U32 rounds, U32* arrived, U32* seen, U32 polls,
                  Status* status) {
  const auto& kernel = d.kernels().grid_barrier;
  d.launch(kernel, {{blocks}, kernel.threads, true}, arrived, rounds, seen, polls, status);
}

}  // namespace limen::gpu
