// The peak of multiply-adds: registers only, enough independent accumulators to fill every pipe.
//
// Claim: 2 flops (a multiplication and an addition) for each pair of operands, no bytes.
//
// fp32, fp64: fused multiply-adds on whole vectors.
//
// bf16: pairs multiplied and added into fp32 where there is an instruction for it; else operands in
// an L1-resident block of 16 vectors, widened to fp32 (shift, mask), each widened vector used four
// times by fp32 multiply-adds, as a GEMM over four columns does it.
//
// int16: pairs multiplied and added into 32 bits (vpdpwssd, pmaddwd or what the target has); what
// int8 and int4 weights are computed with.
#pragma once

#include <cstddef>
#include <string>

namespace limen::kernels {

enum class FmaType { fp32, fp64, bf16, int16 };

const char* name(FmaType type);
// Operations of fma_run(type, rounds) on the SIMD target in use.
double fma_flops(FmaType type, std::size_t rounds);
// Multiplies ones by ones and adds them up; returns the total of all accumulators, exact while
// rounds < 2^20.
double fma_run(FmaType type, std::size_t rounds);
// The total that fma_run must return.
double fma_expected(FmaType type, std::size_t rounds);

}  // namespace limen::kernels
