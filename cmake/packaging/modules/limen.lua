-- limen @PROJECT_VERSION@, for Lmod. The prefix is found from where this file is.
local prefix = myFileName():match("^(.*)/[^/]+/[^/]+/[^/]+/[^/]+/[^/]+$")

help([[limen @PROJECT_VERSION@: measures the limits of a machine and predicts LLM decoding from them.]])
whatis("limen @PROJECT_VERSION@: limits of a machine, and LLM decoding predicted from them")
conflict("limen")

prepend_path("PATH", pathJoin(prefix, "@CMAKE_INSTALL_BINDIR@"))
prepend_path("MANPATH", pathJoin(prefix, "@CMAKE_INSTALL_MANDIR@"))
prepend_path("CMAKE_PREFIX_PATH", prefix)
