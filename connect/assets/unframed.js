if (parent !== self && parent === top) parent.postMessage({ refusesFrame: location.pathname + location.search }, new URL(document.querySelector("a").href).origin);
