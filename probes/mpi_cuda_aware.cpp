#include "probes/mpi_cuda_aware.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <string_view>

namespace limen::probes {
namespace {

template <class Function>
Function* exported(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

bool set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && std::string_view(value) == "1";
}

}  // namespace

std::string not_cuda_aware() {
  // Open MPI since 2.0, MPICH since 4.0.
  if (auto* query = exported<int()>("MPIX_Query_cuda_support"))
    return query() == 1 ? "" : "this MPI was built without CUDA (MPIX_Query_cuda_support)";
  constexpr int cuda = 0;  // MPIX_GPU_SUPPORT_CUDA of MPICH
  int is_supported = 0;
  if (auto* query = exported<int(int, int*)>("MPIX_GPU_query_support"))
    if (query(cuda, &is_supported) == 0)
      return is_supported != 0 ? "" : "this MPI does not support CUDA (MPIX_GPU_query_support)";
  // These say nothing, but are told so by whoever starts them.
  for (const char* name : {"MV2_USE_CUDA", "MPICH_GPU_SUPPORT_ENABLED"})
    if (set(name)) return "";
  return "this MPI does not say that it knows CUDA (no MPIX_Query_cuda_support, and neither "
         "MV2_USE_CUDA nor MPICH_GPU_SUPPORT_ENABLED is 1)";
}

}  // namespace limen::probes
