# The examples: each compiles without a warning, runs, and says that it did what it shows.
set(EXAMPLES ${LARDER_ROOT}/bindings/c/examples)
foreach(example open_get_put lifespan batch queue watch cursor errors logs durable_put environment)
  add_executable(example_${example} ${EXAMPLES}/${example}.c)
  target_link_libraries(example_${example} PRIVATE larder Threads::Threads)
  target_compile_options(example_${example} PRIVATE ${WARNINGS})
  add_test(NAME example.${example} COMMAND example_${example})
endforeach()
# In an environment that says nothing of oCIS it is a cache in memory.
set_tests_properties(example.environment PROPERTIES PASS_REGULAR_EXPRESSION "nothing was cached yet")
add_executable(example_filecache ${EXAMPLES}/filecache.c)
target_link_libraries(example_filecache PRIVATE larder)
target_compile_options(example_filecache PRIVATE ${WARNINGS})
target_compile_definitions(example_filecache PRIVATE _GNU_SOURCE)
add_test(NAME example.filecache COMMAND example_filecache ${LARDER_ROOT}/tests)
set_tests_properties(example.filecache PROPERTIES PASS_REGULAR_EXPRESSION
  "\nlanguage=c files=[1-9][0-9]* hits=[1-9][0-9]* misses=[1-9][0-9]* without_ms=[0-9.]+ with_ms=[0-9.]+\n$")
