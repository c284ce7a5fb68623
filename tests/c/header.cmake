# The header alone, as each language that it promises, with all warnings as errors.
set(HEADER_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsyntax-only)
foreach(standard c99 c11 c17)
  add_test(NAME header.${standard} COMMAND ${CMAKE_C_COMPILER} -x c -std=${standard} ${HEADER_WARNINGS}
    -Wstrict-prototypes -Wmissing-prototypes ${LARDER_ROOT}/include/larder.h)
endforeach()
foreach(standard c++11 c++17 c++20)
  add_test(NAME header.${standard} COMMAND ${CMAKE_CXX_COMPILER} -x c++ -std=${standard} ${HEADER_WARNINGS}
    ${LARDER_ROOT}/include/larder.h)
endforeach()
# A translation unit that includes nothing else and is compiled, not only parsed.
add_library(header_alone OBJECT header.c header.cpp)
target_include_directories(header_alone PRIVATE ${LARDER_ROOT}/include)
target_compile_options(header_alone PRIVATE ${WARNINGS} -Wconversion)
set_property(SOURCE header.c APPEND PROPERTY COMPILE_OPTIONS -std=c99)
set_property(SOURCE header.cpp APPEND PROPERTY COMPILE_OPTIONS -std=c++17)
