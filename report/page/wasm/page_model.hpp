// The model as the page calls it: C functions over one row of numbers in and one out, compiled to
// WebAssembly by build.sh and natively into the test that compares the two bit by bit.
#pragma once

inline constexpr int page_input_numbers = 8192, page_output_numbers = 65536;

extern "C" {

double* page_input();
double* page_output();
const char* page_text();  // why the last prediction does not fit; empty if it does

// The input's row (flat.hpp) becomes the machine of a slot, 0 or 1; the model.
void page_machine(int slot);
void page_transformer();

// All below read a case and its factors from the input, and return how many numbers they wrote.

// fits; tokens/s of a user: expected, low, high, ideal; of the system, likewise; seconds of the
// step: memory, compute, sync, then linear, experts, attention, apart, exchanges, fixed, total; of
// the ideal step: memory, compute, sync, total; binding limit, next, factor, ideal's binding limit;
// bytes: held, capacity, weights, KV of a sequence; largest batch, extrapolated, compute known,
// devices; seconds of latency of the first kind of exchange, 0 if there is none; for linear,
// experts, attention and apart each: bytes, FLOPs, seconds of memory and of arithmetic.
int page_predict(int slot);
// By Lever, of the calibrated step, then of the ideal one.
int page_elasticities(int slot);
// After the case: factors of the bandwidth (a column each), then of the latency (a row each). Out:
// tokens/s of a user and binding limit, row by row.
int page_map(int slot, int columns, int rows);
// Of every partition (powers of two) and batch (powers of two) that fits: tp, pp, ep, batch,
// tokens/s of a user and of a device, binding limit.
int page_frontier(int slot);
}
