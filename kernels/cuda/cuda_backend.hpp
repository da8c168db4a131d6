// The CUDA runtime as a back end. A build without CUDA has cuda_absent.cpp in its place.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/backend.hpp"

namespace limen::gpu {

// Null in a build without CUDA, with the reason in `why`. Making it calls nothing of CUDA.
std::unique_ptr<Backend> make_cuda_backend(std::string& why);

}  // namespace limen::gpu
