# What the ABI promises: the exported symbols, and the layout of the structs and the values of the constants.
add_test(NAME abi.symbols COMMAND ${LARDER_ROOT}/tests/abi/check symbols ${LARDER_LINKS}/liblarder.so.1)
add_executable(layout ${LARDER_ROOT}/tests/abi/layout.c)
target_include_directories(layout PRIVATE ${LARDER_ROOT}/include)
target_compile_options(layout PRIVATE ${WARNINGS})
add_test(NAME abi.layout COMMAND ${LARDER_ROOT}/tests/abi/check layout $<TARGET_FILE:layout>)
add_test(NAME abi.header COMMAND ${LARDER_ROOT}/tests/abi/check header ${LARDER_ROOT}/include/larder.h)
