"""How does Jupyter see a lab's environment?"""
