/* Preloaded: makes of any MPI one that takes memory of emulated GPUs, by its profiling interface. For tests alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mpi.h>

int MPIX_Query_cuda_support(void) { return 1; }

/* The host's address of memory of an emulated device; others are what they are. */
static void *real(const void *p) {
  static void *(*emulator)(const void *);
  if (!emulator) *(void **)&emulator = dlsym(RTLD_DEFAULT, "emu_real");
  return p == MPI_IN_PLACE || p == 0 || !emulator ? (void *)p : emulator(p);
}

int MPI_Allreduce(const void *in, void *out, int n, MPI_Datatype t, MPI_Op op, MPI_Comm c) {
  return PMPI_Allreduce(real(in), real(out), n, t, op, c);
}
int MPI_Allgather(const void *in, int n, MPI_Datatype t, void *out, int m, MPI_Datatype u, MPI_Comm c) {
  return PMPI_Allgather(real(in), n, t, real(out), m, u, c);
}
int MPI_Reduce_scatter_block(const void *in, void *out, int n, MPI_Datatype t, MPI_Op op, MPI_Comm c) {
  return PMPI_Reduce_scatter_block(real(in), real(out), n, t, op, c);
}
int MPI_Alltoall(const void *in, int n, MPI_Datatype t, void *out, int m, MPI_Datatype u, MPI_Comm c) {
  return PMPI_Alltoall(real(in), n, t, real(out), m, u, c);
}
int MPI_Bcast(void *p, int n, MPI_Datatype t, int root, MPI_Comm c) { return PMPI_Bcast(real(p), n, t, root, c); }
int MPI_Send(const void *p, int n, MPI_Datatype t, int to, int tag, MPI_Comm c) {
  return PMPI_Send(real(p), n, t, to, tag, c);
}
int MPI_Recv(void *p, int n, MPI_Datatype t, int from, int tag, MPI_Comm c, MPI_Status *s) {
  return PMPI_Recv(real(p), n, t, from, tag, c, s);
}
int MPI_Sendrecv(const void *in, int n, MPI_Datatype t, int to, int tag, void *out, int m, MPI_Datatype u, int from,
                 int tag2, MPI_Comm c, MPI_Status *s) {
  return PMPI_Sendrecv(real(in), n, t, to, tag, real(out), m, u, from, tag2, c, s);
}
