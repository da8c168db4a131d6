// Every check of verify.hpp by the name of what it checks, on fibers.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/decoder.hpp"
#include "kernels/cuda/host_backend.hpp"
#include "kernels/cuda/verify.hpp"

namespace limen::gpu {

// Some multiprocessors, so that grids have several blocks; two devices.
inline HostOptions small_devices(fiber::Order order, int devices = 2) {
  HostOptions options;
  options.devices = devices;
  options.properties.multiprocessors = 3;
  options.properties.cooperative = true;
  options.order = order;
  return options;
}

// What `check` says of the first `count` devices.
template <class Check>
std::string on_devices(Backend& backend, int count, Check&& check) {
  std::vector<Device> devices;
  std::vector<const Device*> all;
  for (int i = 0; i < count; ++i) devices.emplace_back(backend, i);
  for (const auto& d : devices) all.push_back(&d);
  return check(all);
}
inline std::string check_all_reduce(Backend& backend, AllReduce kind) {
  return on_devices(backend, backend.devices(),
                    [&](const auto& all) { return verify_all_reduce(all, kind, 5); });
}

// A step of every small model whose attention is of this kind.
enum class Kind { grouped, latent, sparse };
inline std::string check_decode(Backend& backend, kernels::Format weights, int ranks, Kind kind) {
  std::string wrong;
  for (const auto& shape : shapes_to_verify(weights, static_cast<std::size_t>(ranks))) {
    const auto& first = shape.layers[0];
    const Kind its = first.latent.index_top > 0 ? Kind::sparse
                     : first.is_latent()        ? Kind::latent
                                                : Kind::grouped;
    if (wrong.empty() && its == kind)
      wrong = on_devices(backend, ranks,
                         [&](const auto& devices) { return verify_decoder(devices, shape); });
  }
  return wrong;
}

using Check = std::function<std::string(Backend&)>;
inline const std::map<std::string, Check>& checks() {
  static const std::map<std::string, Check> all = [] {
    std::map<std::string, Check> c;
    for (const Stream kernel : all_streams)
      c[name(kernel)] = [kernel](Backend& b) { return verify_stream(Device(b, 0), kernel, 1); };
    for (const Format f : all_formats)
      c[std::string("gemv_") + name(f)] = [f](Backend& b) {
        return verify_gemv(Device(b, 0), f, 2);
      };
    c["gemv"] = c["gemv_bf16"];
    for (const Format f : {Format::bf16, Format::int8, Format::int4})
      for (const bool tensor : {false, true})
        c[std::string(tensor ? "tensor_gemm_" : "fma_gemm_") + name(f)] = [=](Backend& b) {
          return verify_gemm(Device(b, 0), f, tensor, 7);
        };
    c["fma_gemm"] = c["fma_gemm_bf16"];
    c["tensor_gemm"] = c["tensor_gemm_bf16"];
    for (const unsigned heads : attention_groups)
      for (const Format f : {Format::bf16, Format::fp8})
        c["attention_" + std::to_string(heads) + "_" + name(f)] = [=](Backend& b) {
          return verify_attention(Device(b, 0), f, heads, 3);
        };
    c["attention"] = c["attention_4_bf16"];
    c["latent_one_block"] = [](Backend& b) { return verify_latent(Device(b, 0), 3, false, 3); };
    c["latent"] = [](Backend& b) { return verify_latent(Device(b, 0), 18, true, 3); };
    c["index"] = [](Backend& b) { return verify_index(Device(b, 0), 4); };
    c["chase"] = [](Backend& b) { return verify_chase(Device(b, 0), 4); };
    c["launch"] = [](Backend& b) { return verify_launch(Device(b, 0)); };
    c["fma"] = [](Backend& b) { return verify_multiply_add(Device(b, 0)); };
    c["rms_norm"] = [](Backend& b) { return verify_rms_norm(Device(b, 0), 5); };
    c["swiglu"] = [](Backend& b) { return verify_swiglu(Device(b, 0), 6); };
    c["grid"] = [](Backend& b) { return verify_grid_barrier(Device(b, 0)); };
    c["pingpong_one"] = [](Backend& b) {
      const Device d(b, 0);
      return verify_pingpong(d, d);
    };
    c["pingpong_two"] = [](Backend& b) { return verify_pingpong(Device(b, 0), Device(b, 1)); };
    c["one_shot"] = [](Backend& b) { return check_all_reduce(b, AllReduce::one_shot); };
    c["two_shot"] = [](Backend& b) { return check_all_reduce(b, AllReduce::two_shot); };
    for (const auto f : {kernels::Format::bf16, kernels::Format::int8, kernels::Format::int4})
      for (const int ranks : {1, 2})
        c[std::string("decode_") + kernels::name(f) + "_" + std::to_string(ranks)] =
            [=](Backend& b) { return check_decode(b, f, ranks, Kind::grouped); };
    c["decode"] = c["decode_bf16_1"];
    c["decode_latent"] = [](Backend& b) {
      return check_decode(b, kernels::Format::bf16, 1, Kind::latent);
    };
    c["decode_sparse"] = [](Backend& b) {
      return check_decode(b, kernels::Format::int8, 1, Kind::sparse);
    };
    return c;
  }();
  return all;
}

}  // namespace limen::gpu
