// Fills a KernelTable with the kernels of the side that includes this.
#pragma once

#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/decode.cuh"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/cuda/exchange.cuh"
#include "kernels/cuda/fma.cuh"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/gemv.cuh"
#include "kernels/cuda/index.cuh"
#include "kernels/cuda/latent.cuh"
#include "kernels/cuda/routing.cuh"
#include "kernels/cuda/stream.cuh"
#include "kernels/cuda/table.hpp"
#include "kernels/cuda/tensor_gemm.cuh"

namespace limen::gpu {
inline namespace LIMEN_SIDE {

#ifndef __CUDACC__
// Calls a kernel with arguments given by address, as cudaLaunchKernel takes them.
template <auto F, class... A>
void call(void** arguments) {
  [&]<std::size_t... i>(std::index_sequence<i...>) { F(*static_cast<A*>(arguments[i])...); }
  (std::index_sequence_for<A...>{});
}
#endif

template <auto F, class... A>
void enter(Kernel<A...>& to, const char* name, unsigned threads, void (*)(A...)) {
  to.name = name;
#ifdef __CUDACC__
  to.function = reinterpret_cast<const void*>(F);
#else
  to.function = reinterpret_cast<const void*>(&call<F, A...>);
#endif
  to.threads = threads;
  to.sizes = {sizeof(A)...};
}
template <auto F, class K>
void enter(K& to, const char* name, unsigned threads) {
  enter<F>(to, name, threads, F);
}

template <Format F>
void enter_gemv(KernelTable& t) {
  constexpr auto at = static_cast<int>(F);
  // Enough loads on the way: 4 rows of 2 steps, or 1 row of 4.
  enter<gemv<F, 1, 4>>(t.gemv_one_row[at], "gemv, 1 row a block", gemv_threads);
  enter<gemv<F, 4, 2>>(t.gemv_four_rows[at], "gemv, 4 rows a block", gemv_threads);
}

template <Format F>
void enter_decode(KernelTable& t) {
  constexpr auto at = static_cast<int>(F);
  enter<gemm<F, 1>>(t.gemm[at][0], "gemm, 1 token", gemm_threads);
  enter<gemm<F, 2>>(t.gemm[at][1], "gemm, 2 tokens", gemm_threads);
  enter<gemm<F, 4>>(t.gemm[at][2], "gemm, 4 tokens", gemm_threads);
  enter<gemm<F, 8>>(t.gemm[at][3], "gemm, 8 tokens", gemm_threads);
  enter<tensor_gemm<F, 8>>(t.tensor_gemm[at][0], "tensor gemm, 8 tokens", tensor_threads);
  enter<tensor_gemm<F, 16>>(t.tensor_gemm[at][1], "tensor gemm, 16 tokens", tensor_threads);
  enter<tensor_gemm<F, 32>>(t.tensor_gemm[at][2], "tensor gemm, 32 tokens", tensor_threads);
  enter<tensor_gemm<F, 64>>(t.tensor_gemm[at][3], "tensor gemm, 64 tokens", tensor_threads);
  enter<embed<F>>(t.embed[at], "embed", rows_threads);
}

template <unsigned Dim>
void enter_attention(KernelTable& t) {
  constexpr int at = Dim == 64 ? 0 : 1;
  enter<attention<Format::bf16, 1, Dim>>(t.attention_bf16[at][0], "attention bf16",
                                         attention_threads);
  enter<attention<Format::bf16, 4, Dim>>(t.attention_bf16[at][1], "attention bf16",
                                         attention_threads);
  enter<attention<Format::bf16, 8, Dim>>(t.attention_bf16[at][2], "attention bf16",
                                         attention_threads);
  enter<attention<Format::fp8, 1, Dim>>(t.attention_fp8[at][0], "attention fp8", attention_threads);
  enter<attention<Format::fp8, 4, Dim>>(t.attention_fp8[at][1], "attention fp8", attention_threads);
  enter<attention<Format::fp8, 8, Dim>>(t.attention_fp8[at][2], "attention fp8", attention_threads);
  enter<attention_join<Dim, float>>(t.attention_join[at], "attention join", Dim);
  enter<attention_join<Dim, uint16_t>>(t.attention_join_bf16[at], "attention join", Dim);
}

inline KernelTable make_table() {
  KernelTable t;
  enter<stream_read<4>>(t.read, "read", stream_threads);
  enter<stream_write<4>>(t.write, "write", stream_threads);
  enter<stream_copy<4>>(t.copy, "copy", stream_threads);
  enter<stream_triad<4>>(t.triad, "triad", stream_threads);
  enter<chase<32>>(t.chase, "chase", 32);
  enter<nothing<32>>(t.nothing, "nothing", 32);
  enter<multiply_add<fma_chains>>(t.multiply_add, "multiply-add", fma_threads);
  enter_gemv<Format::fp32>(t);
  enter_gemv<Format::fp16>(t);
  enter_gemv<Format::bf16>(t);
  enter_gemv<Format::fp8>(t);
  enter_gemv<Format::int8>(t);
  enter_gemv<Format::int4>(t);
  enter_attention<64>(t);
  enter_attention<128>(t);
  enter<rms_norm<elementwise_threads>>(t.rms_norm, "rms_norm", elementwise_threads);
  enter<swiglu<elementwise_threads>>(t.swiglu, "swiglu", elementwise_threads);
  enter<grid_barrier<128>>(t.grid_barrier, "grid barrier", 128);
  enter<pingpong<32>>(t.pingpong, "pingpong", 32);
  enter<pingpong_blocks<32>>(t.pingpong_blocks, "pingpong", 32);
  enter<all_reduce_one_shot<exchange_threads>>(t.one_shot, "all-reduce, one shot",
                                               exchange_threads);
  enter<all_reduce_two_shot<exchange_threads>>(t.two_shot, "all-reduce, two shots",
                                               exchange_threads);
  enter_decode<Format::bf16>(t);
  enter_decode<Format::int8>(t);
  enter_decode<Format::int4>(t);
  enter<add_norm<elementwise_threads, float>>(t.add_norm, "add_norm", elementwise_threads);
  enter<add_norm<elementwise_threads, uint16_t>>(t.add_norm_bf16, "add_norm", elementwise_threads);
  enter<rotate_append<rotation_threads>>(t.rotate_append, "rotate_append", rotation_threads);
  enter<append_latent<elementwise_threads>>(t.append_latent, "append_latent", elementwise_threads);
  enter<split_queries<rows_threads>>(t.split_queries, "split_queries", rows_threads);
  enter<latent_attention<8, latent_rank, latent_rope>>(t.latent_attention[0], "latent attention",
                                                       latent_rank / 2);
  enter<latent_attention<16, latent_rank, latent_rope>>(t.latent_attention[1], "latent attention",
                                                        latent_rank / 2);
  enter<attention_join<latent_rank, uint16_t>>(t.latent_join, "attention join", latent_rank);
  enter<join_heads<rows_threads>>(t.join_heads, "join_heads", rows_threads);
  enter<rotate_index<rows_threads>>(t.rotate_index, "rotate_index", rows_threads);
  enter<index_scores<index_dim>>(t.index_scores, "index scores", index_threads);
  enter<index_select<select_threads>>(t.index_select, "index selection", select_threads);
  enter<gate_rows<rows_threads>>(t.gate_rows, "gate_rows", rows_threads);
  enter<round_message<rows_threads>>(t.round_message, "round_message", rows_threads);
  enter<randomize<elementwise_threads>>(t.randomize, "randomize", elementwise_threads);
  enter<choose_experts<warp>>(t.choose_experts, "choose_experts", warp);
  enter<order_pairs<order_threads>>(t.order_pairs, "order_pairs", order_threads);
  enter<combine<combine_threads>>(t.combine, "combine", combine_threads);
  enter<largest_logit<largest_threads>>(t.largest_logit, "largest_logit", largest_threads);
  enter<sample<warp>>(t.sample, "sample", warp);
  enter<sample_of_ranks<most_sequences>>(t.sample_of_ranks, "sample_of_ranks", most_sequences);
  return t;
}

}  // namespace LIMEN_SIDE
}  // namespace limen::gpu
