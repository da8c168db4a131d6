// Does the MPI library take pointers to memory of a GPU? One that does not reads them as addresses
// of the host, and the program dies; so it is asked before, by what it exports at run time.
#pragma once

#include <string>

namespace limen::probes {

// Empty if it does, else how we know that it does not, in one line. After MPI_Init.
std::string not_cuda_aware();

}  // namespace limen::probes
