#include "kernels/cuda/cuda_backend.hpp"

#include <cuda_runtime_api.h>

#include <cstring>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "kernels/cuda/table.hpp"

static_assert(CUDART_VERSION >= 12000, "limen needs the CUDA toolkit 12 or newer");

namespace limen::gpu {
namespace {

std::string version(int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); }

// The runtime has one code for no driver at all and for one that is too old.
std::string meaning(cudaError_t code) {
  if (code != cudaErrorInsufficientDriver) return cudaGetErrorString(code);
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0 && driver < CUDART_VERSION)
    return fmt::format("the NVIDIA driver is of CUDA {}, too old for {}", version(driver),
                       version(CUDART_VERSION));
  return fmt::format("there is no NVIDIA driver, or one too old for CUDA {}",
                     version(CUDART_VERSION));
}

void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // forgotten, unless the device is lost for good
  throw DeviceError(
      fmt::format("{}: {} (CUDA error {})", call, meaning(code), static_cast<int>(code)),
      static_cast<int>(code));
}

void use(int device) { check(cudaSetDevice(device), "cudaSetDevice"); }
bool use_silently(int device) noexcept { return cudaSetDevice(device) == cudaSuccess; }

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
  return value;
}

cudaStream_t native(Backend::Stream s) { return static_cast<cudaStream_t>(s); }
cudaEvent_t event(Backend::Event e) { return static_cast<cudaEvent_t>(e); }

class CudaBackend : public Backend {
 public:
  const KernelTable& kernels() const override { return device_kernels(); }

  bool is_cuda() const override { return true; }

  // Where the code that was loaded is of sm_80 or newer: a newer device may have translated older
  // code, which is without them. No emulation is known to have them.
  bool tensor_cores(int device) override {
    use(device);
    cudaFuncAttributes a{};
    const auto& kernel = kernels().tensor_gemm[static_cast<std::size_t>(Format::bf16)][0];
    check(cudaFuncGetAttributes(&a, kernel.function), kernel.name);
    return a.ptxVersion >= 80 && !properties(device).emulated;
  }

  std::string versions() override {
    int driver = 0, runtime = 0;
    check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
    check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    return fmt::format("CUDA driver {}, runtime {}", version(driver), version(runtime));
  }

  int devices() override {
    int count = 0;
    check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
    return count;
  }

  Properties properties(int device) override {
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, device), "cudaGetDeviceProperties");
    char pci[32] = "";
    check(cudaDeviceGetPCIBusId(pci, sizeof pci, device), "cudaDeviceGetPCIBusId");
    Properties out;
    out.name = p.name;
    out.pci = pci;
    out.major = p.major;
    out.minor = p.minor;
    out.multiprocessors = p.multiProcessorCount;
    out.memory = p.totalGlobalMem;
    out.second_cache = static_cast<std::size_t>(p.l2CacheSize);
    out.shared_per_block = p.sharedMemPerBlock;
    out.threads_per_block = static_cast<unsigned>(p.maxThreadsPerBlock);
    out.grid_x = static_cast<unsigned>(p.maxGridSize[0]);
    out.grid_y = static_cast<unsigned>(p.maxGridSize[1]);
    // In kHz. As attributes, since CUDA 13 took them out of the properties.
    out.memory_hertz = 1e3 * attribute(cudaDevAttrMemoryClockRate, device);
    out.core_hertz = 1e3 * attribute(cudaDevAttrClockRate, device);
    out.bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth, device);
    out.ecc = p.ECCEnabled != 0;
    out.cooperative = p.cooperativeLaunch != 0;
    out.emulated = out.name.find("emulated") != std::string::npos;
    return out;
  }

  std::size_t free_memory(int device) override {
    use(device);
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return free;
  }

  void* allocate(int device, std::size_t bytes) override {
    use(device);
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes),
          fmt::format("cudaMalloc of {} bytes on device {}", bytes, device).c_str());
    return memory;
  }
  void release(int device, void* memory) noexcept override {
    if (use_silently(device)) cudaFree(memory);
  }
  void* allocate_pinned(std::size_t bytes) override {
    void* memory = nullptr;
    check(cudaMallocHost(&memory, bytes), "cudaMallocHost");
    return memory;
  }
  void release_pinned(void* memory) noexcept override { cudaFreeHost(memory); }

  Stream create_stream(int device) override {
    use(device);
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    return stream;
  }
  void destroy_stream(int device, Stream stream) noexcept override {
    if (use_silently(device)) cudaStreamDestroy(native(stream));
  }
  void synchronize(int device, Stream stream) override {
    use(device);
    check(cudaStreamSynchronize(native(stream)), "cudaStreamSynchronize");
  }
  void copy(int device, Stream stream, void* to, const void* from, std::size_t bytes) override {
    use(device);
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, native(stream)), "cudaMemcpyAsync");
  }
  void fill(int device, Stream stream, void* to, std::uint8_t value, std::size_t bytes) override {
    use(device);
    check(cudaMemsetAsync(to, value, bytes, native(stream)), "cudaMemsetAsync");
  }
  void launch(int device, Stream stream, const AnyKernel& kernel, const Launch& how,
              void** arguments) override {
    use(device);
    const dim3 grid(how.grid.x, how.grid.y), block(how.threads);
    const auto code = how.cooperative ? cudaLaunchCooperativeKernel(kernel.function, grid, block,
                                                                    arguments, 0, native(stream))
                                      : cudaLaunchKernel(kernel.function, grid, block, arguments, 0,
                                                         native(stream));
    check(code, kernel.name);
  }
  Needs needs(int device, const AnyKernel& kernel) override {
    const auto [at, is_new] = needs_.try_emplace({device, kernel.function});
    if (!is_new) return at->second;
    try {
      use(device);
      cudaFuncAttributes a{};
      check(cudaFuncGetAttributes(&a, kernel.function), kernel.name);
      return at->second = {a.sharedSizeBytes, static_cast<unsigned>(a.maxThreadsPerBlock)};
    } catch (...) {
      needs_.erase(at);
      throw;
    }
  }
  int resident_blocks(int device, const AnyKernel& kernel, unsigned threads) override {
    use(device);
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel.function,
                                                        static_cast<int>(threads), 0),
          kernel.name);
    return blocks;
  }

  Event create_event(int device) override {
    use(device);
    cudaEvent_t e = nullptr;
    check(cudaEventCreate(&e), "cudaEventCreate");
    return e;
  }
  void destroy_event(int device, Event e) noexcept override {
    if (use_silently(device)) cudaEventDestroy(event(e));
  }
  void record(int device, Stream stream, Event e) override {
    use(device);
    check(cudaEventRecord(event(e), native(stream)), "cudaEventRecord");
  }
  double seconds_between(Event first, Event second) override {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, event(first), event(second)), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds);
  }

  void begin_capture(int device, Stream stream) override {
    use(device);
    check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal),
          "cudaStreamBeginCapture");
  }
  Graph end_capture(int device, Stream stream) override {
    use(device);
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(native(stream), &graph), "cudaStreamEndCapture");
    cudaGraphExec_t ready = nullptr;
    const auto code = cudaGraphInstantiateWithFlags(&ready, graph, 0);
    cudaGraphDestroy(graph);
    check(code, "cudaGraphInstantiateWithFlags");
    return ready;
  }
  void launch_graph(int device, Graph graph, Stream stream) override {
    use(device);
    check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), native(stream)), "cudaGraphLaunch");
  }
  void destroy_graph(int device, Graph graph) noexcept override {
    if (graph != nullptr && use_silently(device))
      cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
  }

  bool can_reach(int device, int peer) override {
    int can = 0;
    check(cudaDeviceCanAccessPeer(&can, device, peer), "cudaDeviceCanAccessPeer");
    return can != 0;
  }
  void reach(int device, int peer) override {
    use(device);
    const auto code = cudaDeviceEnablePeerAccess(peer, 0);
    if (code == cudaErrorPeerAccessAlreadyEnabled) {
      cudaGetLastError();
      return;
    }
    check(code, "cudaDeviceEnablePeerAccess");
  }

  void make_current(int device) override { use(device); }

  Handle share(int device, void* memory) override {
    use(device);
    cudaIpcMemHandle_t handle;
    check(cudaIpcGetMemHandle(&handle, memory), "cudaIpcGetMemHandle");
    Handle out;
    static_assert(sizeof handle == sizeof out.bytes);
    std::memcpy(out.bytes.data(), &handle, sizeof handle);
    return out;
  }
  void* open_shared(int device, const Handle& from) override {
    use(device);
    cudaIpcMemHandle_t handle;
    std::memcpy(&handle, from.bytes.data(), sizeof handle);
    void* memory = nullptr;
    check(cudaIpcOpenMemHandle(&memory, handle, cudaIpcMemLazyEnablePeerAccess),
          "cudaIpcOpenMemHandle");
    return memory;
  }
  void close_shared(int device, void* memory) noexcept override {
    if (use_silently(device)) cudaIpcCloseMemHandle(memory);
  }

 private:
  std::map<std::pair<int, const void*>, Needs> needs_;  // asked for at every launch
};

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(std::string&) { return std::make_unique<CudaBackend>(); }

}  // namespace limen::gpu
