#include "kernels/cuda/cublaslt.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#ifndef LIMEN_CUBLASLT
#define LIMEN_CUBLASLT 0
#endif
#if LIMEN_CUBLASLT
#include <cublasLt.h>
#endif

namespace limen::gpu {

#if LIMEN_CUBLASLT
namespace {

// The functions that are used, by name.
struct Library {
  void* handle;
  explicit Library(void* h) : handle(h) {}
  ~Library() { dlclose(handle); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

#define LIMEN_LT(name)                                                      \
  template <class... A>                                                     \
  auto name(A... a) const {                                                 \
    static const auto f = reinterpret_cast<decltype(&::name)>(find(#name)); \
    return f(a...);                                                         \
  }
  LIMEN_LT(cublasLtCreate)
  LIMEN_LT(cublasLtDestroy)
  LIMEN_LT(cublasLtGetVersion)
  LIMEN_LT(cublasLtMatmulDescCreate)
  LIMEN_LT(cublasLtMatmulDescDestroy)
  LIMEN_LT(cublasLtMatmulDescSetAttribute)
  LIMEN_LT(cublasLtMatrixLayoutCreate)
  LIMEN_LT(cublasLtMatrixLayoutDestroy)
  LIMEN_LT(cublasLtMatmulPreferenceCreate)
  LIMEN_LT(cublasLtMatmulPreferenceDestroy)
  LIMEN_LT(cublasLtMatmulPreferenceSetAttribute)
  LIMEN_LT(cublasLtMatmulAlgoGetHeuristic)
  LIMEN_LT(cublasLtMatmul)
#undef LIMEN_LT

  void* find(const char* name) const {
    void* function = dlsym(handle, name);
    if (function == nullptr)
      throw DeviceError(fmt::format("cuBLASLt has no {}; limen needs version 12 or 13", name), 999);
    return function;
  }
};

void check(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  // In codes of the runtime: out of memory, not supported, or else.
  const int code = status == CUBLAS_STATUS_ALLOC_FAILED    ? 2
                   : status == CUBLAS_STATUS_NOT_SUPPORTED ? 801
                                                           : 999;
  throw DeviceError(fmt::format("{}: cuBLAS status {}", call, static_cast<int>(status)), code);
}

cudaDataType type_of(Format f) {
  switch (f) {
    case Format::fp32:
      return CUDA_R_32F;
    case Format::fp16:
      return CUDA_R_16F;
    case Format::bf16:
      return CUDA_R_16BF;
    case Format::fp8:
      return CUDA_R_8F_E4M3;
    case Format::int8:
      return CUDA_R_8I;
    default:
      throw DeviceError(fmt::format("cuBLASLt: no product of {} weights", name(f)), 801);
  }
}

class Lt;
class LtProduct : public BlasProduct {
 public:
  LtProduct(const Lt& blas, const Product& product);
  ~LtProduct() override { forget(); }
  std::size_t ways() const override { return ways_.size(); }
  void use(std::size_t way) override { way_ = way; }
  void run(const void* weights, const void* x, void* y) override;

 private:
  void describe(const Product& product);
  void find_ways(const Product& product);
  void forget() noexcept;

  const Lt& blas_;
  bool integers_;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, d_ = nullptr;
  std::vector<cublasLtMatmulAlgo_t> ways_;
  std::size_t way_ = 0;
};

class Lt : public BlasLt {
 public:
  Lt(std::unique_ptr<Library> library, const Device& device)
      : lib_(std::move(library)), device_(device) {
    check(lib_->cublasLtCreate(&handle_), "cublasLtCreate");
    // As much as its manual recommends, where there is plenty.
    const std::size_t most = std::size_t{device.properties().major >= 9 ? 32u : 4u} << 20,
                      free = device.backend().free_memory(device.number());
    try {
      workspace_ = {device_, std::min(most, free / 16)};
    } catch (...) {
      lib_->cublasLtDestroy(handle_);
      throw;
    }
  }
  ~Lt() override { lib_->cublasLtDestroy(handle_); }

  std::unique_ptr<BlasProduct> choose(const Product& product) override {
    return std::make_unique<LtProduct>(*this, product);
  }

  const Library& lib() const { return *lib_; }
  const Device& device() const { return device_; }
  cublasLtHandle_t handle() const { return handle_; }
  const Memory<std::uint8_t>& workspace() const { return workspace_; }

 private:
  std::unique_ptr<Library> lib_;
  const Device& device_;
  cublasLtHandle_t handle_ = nullptr;
  Memory<std::uint8_t> workspace_;
};

LtProduct::LtProduct(const Lt& blas, const Product& product)
    : blas_(blas), integers_(product.format == Format::int8) {
  try {
    describe(product);
    find_ways(product);
  } catch (...) {
    forget();
    throw;
  }
}

// Column-major: Y^T (rows x tokens) = W^T^T (rows x cols) X^T (cols x tokens), the one layout that
// fp8 and int8 have fast kernels for.
void LtProduct::describe(const Product& p) {
  const Library& lib = blas_.lib();
  const auto type = type_of(p.format);
  const auto out = p.format == Format::fp8 ? CUDA_R_16BF : integers_ ? CUDA_R_32I : type;
  check(lib.cublasLtMatmulDescCreate(&desc_, integers_ ? CUBLAS_COMPUTE_32I : CUBLAS_COMPUTE_32F,
                                     integers_ ? CUDA_R_32I : CUDA_R_32F),
        "cublasLtMatmulDescCreate");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  check(lib.cublasLtMatmulDescSetAttribute(desc_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                           sizeof transposed),
        "cublasLtMatmulDescSetAttribute");
  const auto layout = [&](cublasLtMatrixLayout_t* l, cudaDataType t, unsigned rows, unsigned cols) {
    check(lib.cublasLtMatrixLayoutCreate(l, t, std::uint64_t{rows}, std::uint64_t{cols},
                                         std::int64_t{rows}),
          "cublasLtMatrixLayoutCreate");
  };
  layout(&a_, type, p.cols, p.rows);
  layout(&b_, type, p.cols, p.tokens);
  layout(&d_, out, p.rows, p.tokens);
}

void LtProduct::find_ways(const Product& p) {
  const Library& lib = blas_.lib();
  cublasLtMatmulPreference_t preference = nullptr;
  check(lib.cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const std::size_t most = blas_.workspace().bytes();
  lib.cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                           &most, sizeof most);
  cublasLtMatmulHeuristicResult_t results[8] = {};
  int found = 0;
  const auto status =
      lib.cublasLtMatmulAlgoGetHeuristic(blas_.handle(), desc_, a_, b_, d_, d_, preference,
                                         static_cast<int>(std::size(results)), results, &found);
  lib.cublasLtMatmulPreferenceDestroy(preference);
  for (int i = 0; status == CUBLAS_STATUS_SUCCESS && i < found; ++i)
    if (results[i].state == CUBLAS_STATUS_SUCCESS) ways_.push_back(results[i].algo);
  if (!ways_.empty()) return;
  if (status != CUBLAS_STATUS_NOT_SUPPORTED && status != CUBLAS_STATUS_ARCH_MISMATCH)
    check(status, "cublasLtMatmulAlgoGetHeuristic");
  const auto& q = blas_.device().properties();
  throw DeviceError(
      fmt::format("cuBLASLt {} has no product of {} x {} {} weights with {} tokens on sm_{}{}",
                  lib.cublasLtGetVersion(), p.rows, p.cols, name(p.format), p.tokens, q.major,
                  q.minor),
      801);
}

void LtProduct::run(const void* weights, const void* x, void* y) {
  const float one = 1, zero = 0;
  const std::int32_t whole_one = 1, whole_zero = 0;
  const void *alpha = integers_ ? static_cast<const void*>(&whole_one) : &one,
             *beta = integers_ ? static_cast<const void*>(&whole_zero) : &zero;
  check(blas_.lib().cublasLtMatmul(blas_.handle(), desc_, alpha, weights, a_, x, b_, beta, y, d_, y,
                                   d_, &ways_[way_], static_cast<void*>(blas_.workspace().data()),
                                   blas_.workspace().bytes(),
                                   static_cast<cudaStream_t>(blas_.device().stream())),
        "cublasLtMatmul");
}

void LtProduct::forget() noexcept {
  for (auto* layout : {a_, b_, d_})
    if (layout != nullptr) blas_.lib().cublasLtMatrixLayoutDestroy(layout);
  if (desc_ != nullptr) blas_.lib().cublasLtMatmulDescDestroy(desc_);
}

}  // namespace

std::unique_ptr<BlasLt> BlasLt::open(const Device& device, std::string& why) {
  if (!device.backend().is_cuda()) {
    why = "no cuBLASLt on this back end";
    return nullptr;
  }
  void* handle = dlopen(LIMEN_CUBLASLT_NAME, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    why = fmt::format("cuBLASLt cannot be opened: {}", dlerror());
    return nullptr;
  }
  try {
    return std::make_unique<Lt>(std::make_unique<Library>(handle), device);
  } catch (const DeviceError& e) {
    why = e.what();
    return nullptr;
  }
}
#else
std::unique_ptr<BlasLt> BlasLt::open(const Device&, std::string& why) {
  why = "this limen was built without cuBLASLt";
  return nullptr;
}
#endif

}  // namespace limen::gpu
