#include "kernels/cuda/cuda_backend.hpp"

namespace limen::gpu {

std::unique_ptr<Backend> make_cuda_backend(std::string& why) {
  why = "this limen was built without CUDA (LIMEN_CUDA=ON and the toolkit, version 12 or newer)";
  return nullptr;
}

}  // namespace limen::gpu
