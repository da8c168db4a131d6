#include "kernels/cuda/cublaslt.hpp"

#include <dlfcn.h>

#include <cmath>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "kernels/cuda/numbers.hpp"

#ifndef LIMEN_CUBLASLT
#define LIMEN_CUBLASLT 0
#endif
#if LIMEN_CUBLASLT
#include <cublasLt.h>
#endif

namespace limen::gpu {

model::Work product_work(const Product& p) {
  const double weights = static_cast<double>(p.rows) * p.cols,
               x = static_cast<double>(p.tokens) * p.cols;
  return {model::bytes((weights + x) * static_cast<double>(p.element_bytes())),
          model::bytes(static_cast<double>(p.result_bytes())),
          model::flops(2 * weights * p.tokens)};
}

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
    default:
      throw DeviceError(fmt::format("cuBLASLt: no product of {} weights", name(f)), 1);
  }
}

class Lt : public BlasLt {
 public:
  Lt(std::unique_ptr<Library> library, const Device& device)
      : lib_(std::move(library)), device_(device) {
    check(lib_->cublasLtCreate(&handle_), "cublasLtCreate");
    workspace_ = {device_, workspace_bytes};
  }
  ~Lt() override {
    forget();
    if (handle_ != nullptr) lib_->cublasLtDestroy(handle_);
  }

  std::string version() const override {
    return fmt::format("cuBLASLt {}", lib_->cublasLtGetVersion());
  }

  void choose(const Product& p) override {
    forget();
    const auto type = type_of(p.format);
    const auto out = p.format == Format::fp8 ? CUDA_R_16BF : type;
    check(lib_->cublasLtMatmulDescCreate(&desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F),
          "cublasLtMatmulDescCreate");
    // Column-major: Y^T (rows x tokens) = W^T^T (rows x cols) X^T (cols x tokens).
    const cublasOperation_t transposed = CUBLAS_OP_T;
    check(lib_->cublasLtMatmulDescSetAttribute(desc_, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                               sizeof transposed),
          "cublasLtMatmulDescSetAttribute");
    const auto layout = [&](cublasLtMatrixLayout_t* l, cudaDataType t, unsigned rows,
                            unsigned cols) {
      check(lib_->cublasLtMatrixLayoutCreate(l, t, std::uint64_t{rows}, std::uint64_t{cols},
                                             std::int64_t{rows}),
            "cublasLtMatrixLayoutCreate");
    };
    layout(&a_, type, p.cols, p.rows);
    layout(&b_, type, p.cols, p.tokens);
    layout(&d_, out, p.rows, p.tokens);
    cublasLtMatmulPreference_t preference = nullptr;
    check(lib_->cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
    const std::size_t most = workspace_bytes;
    lib_->cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                               &most, sizeof most);
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    const auto status = lib_->cublasLtMatmulAlgoGetHeuristic(handle_, desc_, a_, b_, d_, d_,
                                                             preference, 1, &result, &found);
    lib_->cublasLtMatmulPreferenceDestroy(preference);
    check(status, "cublasLtMatmulAlgoGetHeuristic");
    if (found == 0) throw DeviceError("cuBLASLt knows no way to compute this product here", 801);
    algorithm_ = result.algo;
  }

  void run(const void* weights, const void* x, void* y) override {
    const float one = 1, zero = 0;
    check(lib_->cublasLtMatmul(handle_, desc_, &one, weights, a_, x, b_, &zero, y, d_, y, d_,
                               &algorithm_, workspace_.data(), workspace_bytes,
                               static_cast<cudaStream_t>(device_.stream())),
          "cublasLtMatmul");
  }

 private:
  static constexpr std::size_t workspace_bytes = std::size_t{4} << 20;

  void forget() noexcept {
    for (auto* layout : {&a_, &b_, &d_}) {
      if (*layout != nullptr) lib_->cublasLtMatrixLayoutDestroy(*layout);
      *layout = nullptr;
    }
    if (desc_ != nullptr) lib_->cublasLtMatmulDescDestroy(desc_);
    desc_ = nullptr;
  }

  std::unique_ptr<Library> lib_;
  const Device& device_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, d_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
  Memory<std::uint8_t> workspace_;
};

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

namespace {

double decode_as(Format f, const std::uint8_t* p, std::size_t i) {
  if (f == Format::fp8) return decode_e4m3(p[i]);
  if (f == Format::fp32) {
    float v;
    std::memcpy(&v, p + 4 * i, 4);
    return v;
  }
  std::uint16_t v;
  std::memcpy(&v, p + 2 * i, 2);
  return f == Format::fp16 ? decode_half(v) : decode_bf16(v);
}

// Small integers, which every format holds and every order of adding keeps.
std::vector<std::uint8_t> small_integers(Format f, std::size_t n, Random& random) {
  constexpr std::uint8_t fp8[] = {0x00, 0x38, 0x40, 0x44, 0xb8, 0xc0, 0xc4};  // 0, 1, 2, 3, -1, ...
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < n; ++i) {
    const auto code = fp8[random.bits() % 7];
    if (f == Format::fp8) {
      out.push_back(code);
      continue;
    }
    const auto v = static_cast<float>(decode_e4m3(code));
    const auto bits = std::bit_cast<std::uint32_t>(v);
    if (f == Format::fp32) {
      for (int k = 0; k < 4; ++k) out.push_back(static_cast<std::uint8_t>(bits >> 8 * k));
      continue;
    }
    // fp16 of a number whose exponent is small and whose digits are few.
    const std::uint32_t half =
        v == 0
            ? 0
            : (bits >> 16 & 0x8000u) | (((bits >> 23 & 0xffu) - 112) << 10) | (bits >> 13 & 0x3ffu);
    const std::uint32_t two = f == Format::fp16 ? half : bits >> 16;
    out.push_back(static_cast<std::uint8_t>(two));
    out.push_back(static_cast<std::uint8_t>(two >> 8));
  }
  return out;
}

}  // namespace

std::string verify_blas(const Device& d, BlasLt& blas, Format format, std::uint64_t seed) {
  Random random(seed);
  for (const Product& p : {Product{format, 48, 64, 16}, Product{format, 160, 32, 32}}) {
    const auto w = small_integers(format, std::size_t{p.rows} * p.cols, random);
    const auto x = small_integers(format, std::size_t{p.tokens} * p.cols, random);
    const auto dw = upload(d, w), dx = upload(d, x);
    const auto y = upload(d, std::vector<std::uint8_t>(p.result_bytes(), 0xff));
    blas.choose(p);
    blas.run(dw.data(), dx.data(), y.data());
    const auto got = download(d, y.data(), y.size());
    const Format out = format == Format::fp8 ? Format::bf16 : format;
    for (std::size_t t = 0; t < p.tokens; ++t) {
      for (std::size_t r = 0; r < p.rows; ++r) {
        double want = 0;
        for (std::size_t c = 0; c < p.cols; ++c)
          want += decode_as(format, w.data(), r * p.cols + c) *
                  decode_as(format, x.data(), t * p.cols + c);
        const double result = decode_as(out, got.data(), t * p.rows + r);
        if (!(std::abs(result - want) <= std::abs(want) / 256))  // bf16 rounds; integers do not
          return fmt::format("cuBLASLt {}: row {} of token {} is {}, not {}", name(format), r, t,
                             result, want);
      }
    }
  }
  return {};
}

}  // namespace limen::gpu
