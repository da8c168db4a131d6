#%Module1.0
# limen @PROJECT_VERSION@, for Environment Modules. The prefix is found from where this file is.
set prefix [file normalize [file join [file dirname $ModulesCurrentModulefile] .. .. .. ..]]

proc ModulesHelp { } {
    puts stderr "limen @PROJECT_VERSION@: measures the limits of a machine and predicts LLM decoding from them."
}
module-whatis "limen @PROJECT_VERSION@: limits of a machine, and LLM decoding predicted from them"
conflict limen

prepend-path PATH              $prefix/@CMAKE_INSTALL_BINDIR@
prepend-path MANPATH           $prefix/@CMAKE_INSTALL_MANDIR@
prepend-path CMAKE_PREFIX_PATH $prefix
