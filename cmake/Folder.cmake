# limen_folder(NAME SOURCES ... DEPENDS ...): the library limen_NAME, with the warnings that every part is held to.
add_library(limen_flags INTERFACE)
target_include_directories(limen_flags INTERFACE "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>")
target_compile_features(limen_flags INTERFACE cxx_std_20)
# Not for those who build with the installed library.
target_compile_options(limen_flags INTERFACE
  "$<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion>>"
  "$<BUILD_INTERFACE:$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${LIMEN_WERROR}>>:-Werror>>")
if(LIMEN_SANITIZE)
  target_compile_options(limen_flags INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${LIMEN_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>")
  target_link_options(limen_flags INTERFACE -fsanitize=${LIMEN_SANITIZE})
endif()

function(limen_folder name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(limen_${name} STATIC ${arg_SOURCES})
  target_link_libraries(limen_${name} PUBLIC limen_flags ${arg_DEPENDS})
endfunction()
